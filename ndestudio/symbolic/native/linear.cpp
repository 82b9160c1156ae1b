#include "linear.hpp"

#include <cmath>

namespace nde {
namespace {

/// A term may be this many times larger than the target.
constexpr double kCancellation = 50.0;

/// Inverse of the scaled, centred Gram matrix of the chosen terms. Terms that others span are left out.
struct Inverse {
    int n = 0;
    int at[kMaxTerms];
    double scale[kMaxTerms];
    double low[kMaxTerms][kMaxTerms];  // inverse of the Cholesky factor

    void build(const double* sums, int width, const bool* with, int terms, bool centred, double ones) {
        double l[kMaxTerms][kMaxTerms];
        const int one = terms;
        n = 0;
        for (int k = 0; k < terms; ++k) {
            if (with && !with[k]) continue;
            const double raw = sums[k * width + k], mean = centred ? sums[k * width + one] : 0.0;
            const double own = raw - (centred ? mean * mean / ones : 0.0);
            if (!(own > 1e-14 * raw) || !(raw < 1e250) || !(own > 1e-250)) continue;
            const double s = 1.0 / std::sqrt(own);
            double row[kMaxTerms], pivot = 1.0;
            for (int j = 0; j < n; ++j) {
                const int a = at[j] < k ? at[j] : k, b = at[j] < k ? k : at[j];
                double v = (sums[a * width + b] - (centred ? sums[a * width + one] * sums[b * width + one] / ones : 0.0)) * s * scale[j];
                for (int i = 0; i < j; ++i) v -= row[i] * l[j][i];
                row[j] = v / l[j][j];
                pivot -= row[j] * row[j];
            }
            if (!(pivot > 1e-9)) continue;
            for (int j = 0; j < n; ++j) l[n][j] = row[j];
            l[n][n] = std::sqrt(pivot);
            at[n] = k;
            scale[n++] = s;
        }
        for (int i = 0; i < n; ++i) {
            for (int j = 0; j <= i; ++j) {
                double v = i == j ? 1.0 : 0.0;
                for (int m = j; m < i; ++m) v -= l[i][m] * low[m][j];
                low[i][j] = v / l[i][i];
            }
        }
    }
    /// x = (G^-1) b in original scale.
    void apply(const double* b, double* x) const {
        double t[kMaxTerms];
        for (int i = 0; i < n; ++i) {
            t[i] = 0.0;
            for (int j = 0; j <= i; ++j) t[i] += low[i][j] * b[j] * scale[j];
        }
        for (int j = 0; j < n; ++j) {
            double v = 0.0;
            for (int i = j; i < n; ++i) v += low[i][j] * t[i];
            x[j] = v * scale[j];
        }
    }
    double diagonal(int j) const {
        double v = 0.0;
        for (int i = j; i < n; ++i) v += low[i][j] * low[i][j];
        return v * scale[j] * scale[j];
    }
};

}  // namespace

bool solve_linear(const double* sums, int width, int terms, int target, const bool* with, bool intercept, Linear& out) {
    const int one = terms, y = terms + 1 + target;
    const double ones = sums[one * width + one], yy = sums[y * width + y], y1 = sums[one * width + y];
    Inverse g;
    g.build(sums, width, with, terms, intercept, ones);
    double b[kMaxTerms], x[kMaxTerms], mean[kMaxTerms];
    for (int j = 0; j < g.n; ++j) {
        mean[j] = sums[g.at[j] * width + one] / ones;
        b[j] = sums[g.at[j] * width + y] - (intercept ? mean[j] * y1 : 0.0);
    }
    g.apply(b, x);
    out.terms = terms;
    out.intercept = intercept;
    for (int k = 0; k < terms; ++k) { out.coefficient[k] = 0.0; out.used[k] = false; out.cost[k] = 0.0; }
    double loss = yy - (intercept ? y1 * y1 / ones : 0.0), constant = y1 / ones;
    for (int j = 0; j < g.n; ++j) {
        out.coefficient[g.at[j]] = x[j];
        out.used[g.at[j]] = true;
        loss -= b[j] * x[j];
        constant -= mean[j] * x[j];
    }
    out.constant = intercept ? constant : 0.0;
    out.loss = (loss > 0.0 ? loss : 0.0) / ones;
    for (int j = 0; j < g.n; ++j) out.cost[g.at[j]] = x[j] * x[j] / g.diagonal(j) / ones;
    if (intercept) {
        double u[kMaxTerms], v = 1.0 / ones;
        g.apply(mean, u);
        for (int j = 0; j < g.n; ++j) v += mean[j] * u[j];
        out.cost[terms] = constant * constant / v / ones;
    } else {
        out.cost[terms] = 0.0;
    }
    // Terms that cancel each other to a small rest are an approximation of something else, never a law.
    for (int j = 0; j < g.n; ++j)
        if (!(std::fabs(x[j]) / g.scale[j] < kCancellation * std::sqrt(yy))) return false;
    return std::isfinite(out.loss);
}

void refine_linear(const double* sums, int width, int terms, const double* residual_sums, Linear& out) {
    const int one = terms;
    const double ones = sums[one * width + one];
    Inverse g;
    g.build(sums, width, out.used, terms, out.intercept, ones);
    double b[kMaxTerms], x[kMaxTerms];
    for (int j = 0; j < g.n; ++j)
        b[j] = residual_sums[g.at[j]] - (out.intercept ? sums[g.at[j] * width + one] / ones * residual_sums[one] : 0.0);
    g.apply(b, x);
    double constant = residual_sums[one] / ones;
    for (int j = 0; j < g.n; ++j) {
        out.coefficient[g.at[j]] += x[j];
        constant -= x[j] * sums[g.at[j] * width + one] / ones;
    }
    if (out.intercept) out.constant += constant;
    for (int j = 0; j < g.n; ++j) {
        const double c = out.coefficient[g.at[j]];
        out.cost[g.at[j]] = c * c / g.diagonal(j) / ones;
    }
    if (out.intercept) {
        double u[kMaxTerms], mean[kMaxTerms], v = 1.0 / ones;
        for (int j = 0; j < g.n; ++j) mean[j] = sums[g.at[j] * width + one] / ones;
        g.apply(mean, u);
        for (int j = 0; j < g.n; ++j) v += mean[j] * u[j];
        out.cost[terms] = out.constant * out.constant / v / ones;
    }
}

bool solve_damped(const double* a, const double* b, int n, double damping, double* x) {
    double l[32][32], scale[32], t[32];
    if (n > 32) return false;
    for (int i = 0; i < n; ++i) {
        const double d = a[i * n + i];
        if (!(d >= 0.0) || !(d < 1e280)) return false;
        scale[i] = d > 1e-280 ? 1.0 / std::sqrt(d) : 0.0;
    }
    for (int i = 0; i < n; ++i) {
        for (int j = 0; j <= i; ++j) {
            double v = i == j ? 1.0 + damping : a[j * n + i] * scale[i] * scale[j];
            for (int k = 0; k < j; ++k) v -= l[i][k] * l[j][k];
            if (i == j) {
                if (!(v > 1e-14)) return false;
                l[i][i] = std::sqrt(v);
            } else {
                l[i][j] = v / l[j][j];
            }
        }
    }
    for (int i = 0; i < n; ++i) {
        t[i] = b[i] * scale[i];
        for (int k = 0; k < i; ++k) t[i] -= l[i][k] * t[k];
        t[i] /= l[i][i];
    }
    for (int i = n - 1; i >= 0; --i) {
        double v = t[i];
        for (int k = i + 1; k < n; ++k) v -= l[k][i] * x[k];
        x[i] = v / l[i][i];
    }
    for (int i = 0; i < n; ++i) x[i] *= scale[i];
    return true;
}

}  // namespace nde
