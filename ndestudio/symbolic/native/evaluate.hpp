// Losses of trees: blockwise evaluation, least squares over the terms, and Levenberg-Marquardt for the constants inside.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "data.hpp"
#include "kernel.hpp"
#include "individual.hpp"
#include "template_fit.hpp"

namespace nde {

inline constexpr int kMaxInner = 12;  // constants inside terms that are optimised together
inline constexpr int kMaxWidth = kMaxTerms + 1 + kMaxTargets;

/// The coefficients of all targets.
struct Fit {
    int targets = 1;
    double loss = 0.0;     // mean over the targets
    double fitness = 0.0;  // mean of the logarithms
    Linear of[kMaxTargets];

    Fit() = default;
    Fit(const Fit& other) { *this = other; }
    Fit& operator=(const Fit& other) {
        targets = other.targets;
        loss = other.loss;
        fitness = other.fitness;
        for (int t = 0; t < targets; ++t) of[t] = other.of[t];
        return *this;
    }
};

/// One thread's workspace. Nothing in it outlives a call, so that results do not depend on who evaluates.
class Evaluator {
public:
    Evaluator(const Kernel& kernel, const Options& options, const std::atomic<bool>* stop);

    /// Fit the coefficients of `individual.tree` (normalised) to all targets, drop terms and intercepts that do not
    /// pay, set losses, complexity and hash. False if it has no finite loss on these data.
    bool assess(Individual& individual, const Data& data, bool prune = true);
    /// Drop the term, or the intercept, that pays least, whether or not that is worth it: simpler individuals of a
    /// front that a fit with everything in it never visits. False if there is nothing to drop.
    bool thin(Individual& individual, const Data& data);
    /// At most `steps` steps of Levenberg-Marquardt on the constants inside the terms, the coefficients being
    /// eliminated (variable projection, Kaufman 1975). Keeps `individual` when nothing is gained, and its dimensions.
    /// True if it improved.
    bool optimise_constants(Individual& individual, const Data& data, int steps);
    /// Loss with the individual's own coefficients; infinite where it is not finite.
    double loss_of(const Individual& individual, const Data& data);
    /// Loss of explicit formulas (in units of y) for the targets first, first + 1, ...; infinite where it is not finite.
    /// `each`, if not null, receives the loss of each.
    double formula_loss(const Tree* formulas, int first, int count, const Data& data, double* each = nullptr);
    /// Values of a subtree at all padded rows; where rows are sums over points, those sums.
    void values(const Tree& tree, int root, const Data& data, double* out);

    /// Fits of individuals of a template; null without one.
    TemplateFit* formula_template() { return formula_template_.get(); }
    const Options& options() const { return options_; }
    const Kernel& kernel() const { return kernel_; }
    bool stopped() const { return stop_ && stop_->load(std::memory_order_relaxed); }

    std::uint64_t evaluations = 0;
    bool thorough = false;  // losses other than squares: reweigh until nothing changes

private:
    bool optimise(Individual& individual, const Data& data, int steps, bool keep_exponents);
    struct Terms {
        int n = 0;
        int root[kMaxTerms];
        int begin[kMaxTerms];
    };
    /// Add the sums over the points from, from + 1, ... of a block, which has `values` there.
    void add_response(const Data& data, int from, const double* values, double* out) const;
    void responses(const Tree& tree, int root, const Data& data, double* out);
    bool response_sums(const Tree& tree, const Terms& terms, const Data& data, const Fit& fit, const int* inner, int count, double* sums);
    bool run_terms(const Tree& tree, const Terms& terms, const Data& data, int row, bool fresh);
    bool sums_of(const Tree& tree, const Terms& terms, const Data& data, double* sums);
    void residual(const Terms& terms, const Data& data, int row, int target, const Linear& fit, double* out) const;
    bool measure(const Tree& tree, const Terms& terms, const Data& data, const Fit& fit, double* losses, double* residual_sums);
    bool refine(const Tree& tree, const Terms& terms, const Data& data, const double* sums, Fit& fit);
    bool fit(const Tree& tree, const Terms& terms, const Data& data, const Fit* chosen, Fit& out, double* sums);
    bool solve(const Terms& terms, const Data& data, const Fit* chosen, Fit& out, const double* sums) const;
    bool reweigh(const Tree& tree, const Terms& terms, const Data& data, Fit& fit, double* sums);
    bool reweigh_rows(const Tree& tree, const Terms& terms, const Data& data, Fit& fit);
    bool prune(Individual& individual, const Terms& terms, const Data& data, double* sums, Fit& fit, double share, bool& dropped);
    bool normal_equations(const Tree& tree, const Terms& terms, const Data& data, const Fit& fit, const int* inner, int count,
                          double* a, double* b);
    bool gradient_sums(const Tree& tree, const Terms& terms, const Data& data, const Fit& fit, const int* inner, int count,
                       double* sums);
    const double* ones(const Data& data) const { return reweighted_ ? extra_.data() : data.root_weight.data(); }
    const double* target(const Data& data, int t) const {
        return reweighted_ ? extra_target_.data() + static_cast<std::size_t>(t) * static_cast<std::size_t>(data.padded) : data.y(t);
    }
    bool interrupted(int row) const { return ((row / kBlock) & 15) == 15 && stopped(); }
    double penalty(double error) const;
    double row_weight(double error) const;
    void join(Fit& fit) const;
    static bool select(Individual& individual, Fit& fit);
    static double criterion(const Individual& individual, const Data& data);
    void store(Individual& individual, const Fit& fit, const Data& data);
    static Terms terms_of(const Tree& tree);

    const Kernel& kernel_;
    const Options& options_;
    const std::atomic<bool>* stop_;
    Buffer slots_, adjoint_, term_, residual_, point_, slope_, extra_, extra_target_;
    const double* where_[kMaxNodes];
    std::unique_ptr<TemplateFit> formula_template_;
    bool reweighted_ = false;  // rows additionally weighted by extra_ (robust losses)
};

}  // namespace nde
