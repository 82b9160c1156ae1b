// Weighted least squares over at most a dozen columns, from their inner products.
#pragma once

namespace nde {

inline constexpr int kMaxTerms = 12;
inline constexpr int kMaxTargets = 8;

/// Coefficients of `terms` columns and an intercept for one target, in units of the standardised target.
struct Linear {
    int terms = 0;
    bool intercept = true;
    bool used[kMaxTerms] = {};  // false: left out, or collinear with others
    double coefficient[kMaxTerms];
    double constant = 0.0;
    double loss = 0.0;
    double cost[kMaxTerms + 1];  // rise of the loss without term k; last: without the intercept
};

/// `sums` is the upper triangle of the inner products of (terms..., ones, targets...), row-major width x width.
/// `with[k]` selects terms (null: all), `intercept` the ones. False if not even one sum is finite.
bool solve_linear(const double* sums, int width, int terms, int target, const bool* with, bool intercept, Linear& out);

/// Correction of `out` from the inner products of the residual with (terms..., ones): one step of refinement.
void refine_linear(const double* sums, int width, int terms, const double* residual_sums, Linear& out);

/// Solve (A + damping diag A) x = b for symmetric A (n x n, upper triangle); false if it is not positive definite.
bool solve_damped(const double* a, const double* b, int n, double damping, double* x);

}  // namespace nde
