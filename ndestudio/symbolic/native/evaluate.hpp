// Losses of trees: blockwise evaluation, least squares over the terms, and Levenberg-Marquardt for the constants inside.
#pragma once

#include <atomic>
#include <cstdint>

#include "data.hpp"
#include "kernel.hpp"
#include "member.hpp"

namespace nde {

inline constexpr int kMaxInner = 12;  // constants inside terms that are optimised together

/// One thread's workspace. Nothing in it outlives a call, so that results do not depend on who evaluates.
class Evaluator {
public:
    Evaluator(const Kernel& kernel, const Options& options, const std::atomic<bool>* stop);

    /// Fit the coefficients of `member.tree` (normalised), drop terms and intercept that do not pay, set loss,
    /// complexity and hash. False if it has no finite loss on these data.
    bool assess(Member& member, const Data& data, bool prune = true);
    /// Drop the term, or the intercept, that pays least, whether or not that is worth it: simpler members of a front
    /// that a fit with everything in it never visits. False if there is nothing to drop.
    bool thin(Member& member, const Data& data);
    /// At most `steps` steps of Levenberg-Marquardt on the constants inside the terms, the coefficients being
    /// eliminated (variable projection, Kaufman 1975). Keeps `member` when nothing is gained. True if it improved.
    bool polish(Member& member, const Data& data, int steps);
    /// Loss with the member's own coefficients; infinite where it is not finite.
    double loss_of(const Member& member, const Data& data);
    /// Loss of an explicit formula (in units of y); infinite where it is not finite.
    double formula_loss(const Tree& formula, const Data& data);
    /// Values of a subtree at all padded rows.
    void values(const Tree& tree, int root, const Data& data, double* out);
    /// scaled target - prediction, times the root weight.
    bool residual(const Member& member, const Data& data, double* out);
    /// Derivative of the sum of terms (with coefficients) by node i of the tree, at all padded rows.
    bool sensitivity(const Member& member, int i, const Data& data, double* out);

    const Options& options() const { return options_; }
    const Kernel& kernel() const { return kernel_; }
    bool stopped() const { return stop_ && stop_->load(std::memory_order_relaxed); }

    std::uint64_t evaluations = 0;

private:
    struct Terms {
        int n = 0;
        int root[kMaxTerms];
        int begin[kMaxTerms];
    };
    bool run_terms(const Tree& tree, const Terms& terms, const Data& data, int row, bool fresh);
    bool sums_of(const Tree& tree, const Terms& terms, const Data& data, double* sums);
    bool refine(const Tree& tree, const Terms& terms, const Data& data, const double* sums, Linear& fit);
    double measure_loss(const Tree& tree, const Terms& terms, const Data& data, const Linear& fit, double* residual_sums);
    bool fit(const Tree& tree, const Terms& terms, const Data& data, const bool* with, bool intercept, Linear& out, double* sums);
    static bool select(Member& member, Linear& fit, const bool* with);
    static double criterion(const Member& member, const Data& data);
    void store(Member& member, const Linear& fit, const Data& data);
    bool reweigh(const Tree& tree, const Terms& terms, const Data& data, Linear& fit, double* sums);
    bool normal_equations(const Tree& tree, const Terms& terms, const Data& data, const Linear& fit, const int* inner,
                          int count, double* a, double* b);
    double penalty(double error) const;
    static Terms terms_of(const Tree& tree);

    const Kernel& kernel_;
    const Options& options_;
    const std::atomic<bool>* stop_;
    Buffer slots_, adjoint_, term_, residual_, extra_, extra_target_;
    const double* where_[kMaxNodes];
    bool reweighted_ = false;  // rows additionally weighted by extra_ (robust losses)
};

}  // namespace nde
