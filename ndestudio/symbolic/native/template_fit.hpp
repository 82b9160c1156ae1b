// Fits of individuals of a template: coefficients, constant parts, parameters and inner constants by
// Levenberg-Marquardt.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "data.hpp"
#include "kernel.hpp"
#include "individual.hpp"

namespace nde {

/// Explicit functions of a template and its parameters.
struct Written {
    std::vector<Tree> functions;
    std::vector<double> parameters;
};

/// The formula of function j of an individual; false if it does not fit.
bool function_formula(const Individual& individual, int j, const Options& options, Tree& out);
/// Begin the fit of `child` where that of `parent` ended: parameters, constant parts, coefficients of shared terms.
void inherit(Individual& child, const Individual& parent);

class TemplateFit {
public:
    TemplateFit(const Kernel& kernel, const Options& options, const std::atomic<bool>* stop, std::uint64_t& evaluations);

    // As of Evaluator. A fit that does not begin elsewhere begins at the template's own values.
    bool assess(Individual& individual, const Data& data, bool prune);
    bool thin(Individual& individual, const Data& data);
    bool optimise_constants(Individual& individual, const Data& data, int steps, bool keep_exponents);
    double loss_of(const Individual& individual, const Data& data);
    double loss_of(const Written& written, const Data& data);
    /// Derivatives of the weighted prediction (terms, constant parts, parameters, one column each) and the weighted
    /// residual at all padded rows, in standard deviations of y. Null: without terms.
    bool linearise(const Individual* individual, const Data& data, std::vector<Buffer>& columns, Buffer& residual);
    /// Constant parts and parameters to begin with, the best of several fits without terms.
    void find_start(const Data& data, FormulaTemplate& formula_template);

private:
    static constexpr int kMostInner = 10;
    static constexpr int kMost = kMaxTerms + kMaxFunctions + kMaxParameters + kMostInner;
    static_assert(kMost <= 32, "solve_damped takes no more");
    struct Pass {
        int n = 0;
        int column[kMost];  // the unknown of each column; see unknown()
        double a[kMost * kMost], b[kMost];
        double loss = 0.0, mass = 0.0;
    };
    struct Layout {
        int terms = 0;
        int root[kMaxTerms], begin[kMaxTerms], owner[kMaxTerms];
    };
    Layout layout_of(const Individual& m) const;
    void begin(Individual& m) const;
    double& unknown(Individual& m, int column, const int* inner) const;
    bool known_part(const Data& data, int row, const double* const* values, bool fresh);
    void block(const Individual& m, const Layout& at, const Data& data, int row);
    double errors(const Data& data, int row, double& objective, double& mass);
    void slopes(const Data& data, int row);
    void derivatives(const Individual& m, const Layout& at, const int* inner, int count);
    bool pass(const Individual& m, const Data& data, const int* inner, int count, Pass& out);
    bool fit(Individual& m, const Data& data, const int* inner, int count, int steps, Pass& now);
    bool drop(Individual& m, const Data& data, const Pass& now, double limit, bool force);
    void store(Individual& m, const Data& data, double loss) const;
    double penalty(double error, double& root_weight) const;
    bool stopped() const { return stop_ && stop_->load(std::memory_order_relaxed); }

    const Kernel& kernel_;
    const Options& options_;
    const std::atomic<bool>* stop_;
    std::uint64_t& evaluations_;
    Buffer slots_, adjoint_, known_slots_, known_adjoint_, term_, value_, parameter_, slope_, change_, residual_, weight_, prediction_;
    const double* where_[kMaxNodes];
    const double* known_where_[kMaxNodes];
    unsigned char wanted_[kMaxNodes] = {};
    std::vector<const double*> columns_;
};

}  // namespace nde
