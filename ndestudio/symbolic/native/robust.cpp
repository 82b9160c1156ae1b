// Losses other than squares: iteratively reweighted least squares, and what explicit formulas lose.
#include <algorithm>
#include <cmath>

#include "evaluate.hpp"

namespace nde {

double Evaluator::penalty(double e) const {
    switch (options_.loss) {
        case Loss::Absolute: return e;
        case Loss::Huber: return e <= options_.huber ? e * e : options_.huber * (2.0 * e - options_.huber);
        default: return e * e;
    }
}

/// Root of the weight that makes squares of it: 1/max(|e|, small) for absolute errors, min(1, delta/|e|) for Huber's.
double Evaluator::row_weight(double e) const {
    if (options_.loss == Loss::Absolute) return 1.0 / std::sqrt(std::max(e, 1e-9));
    return e <= options_.huber ? 1.0 : std::sqrt(options_.huber / e);
}

/// New weights from the residuals of `fit`, and its losses. The error of a row is the norm over its targets, so that a row is
/// an outlier as a whole and all targets keep one matrix.
bool Evaluator::reweigh_rows(const Tree& tree, const Terms& terms, const Data& data, Fit& fit) {
    Buffer next(static_cast<std::size_t>(data.padded)), next_target(static_cast<std::size_t>(data.padded) * static_cast<std::size_t>(data.targets));
    double mass = 0.0;
    fit.loss = 0.0;
    for (int t = 0; t < data.targets; ++t) fit.of[t].loss = 0.0;
    reweighted_ = false;
    for (int row = 0; row < data.padded; row += kBlock) {
        if (interrupted(row)) return false;
        run_terms(tree, terms, data, row, row == 0);
        for (int t = 0; t < data.targets; ++t) residual(terms, data, row, t, fit.of[t], residual_.data() + kBlock * t);
        for (int r = 0; r < kBlock; ++r) {
            const double w = data.root_weight[static_cast<std::size_t>(row + r)];
            if (w == 0.0) continue;
            double square = 0.0;
            for (int t = 0; t < data.targets; ++t) {
                const double e = std::fabs(residual_[static_cast<std::size_t>(kBlock * t + r)]) / w;
                square += e * e / data.targets;
                fit.of[t].loss += w * w * penalty(e);
            }
            const double e = data.targets == 1 ? std::fabs(residual_[static_cast<std::size_t>(r)]) / w : std::sqrt(square);
            const double u = row_weight(e);
            fit.loss += w * w * penalty(e);
            mass += w * w;
            next[static_cast<std::size_t>(row + r)] = w * u;
            for (int t = 0; t < data.targets; ++t)
                next_target[static_cast<std::size_t>(t) * static_cast<std::size_t>(data.padded) + static_cast<std::size_t>(row + r)] = data.y(t)[row + r] * u;
        }
    }
    fit.loss /= mass;
    for (int t = 0; t < data.targets; ++t) fit.of[t].loss /= mass;
    std::swap(extra_, next);
    std::swap(extra_target_, next_target);
    return true;
}

bool Evaluator::reweigh(const Tree& tree, const Terms& terms, const Data& data, Fit& fit, double* sums) {
    const int rounds = thorough ? 200 : 8;
    const double settled = thorough ? 1e-6 : 1e-4;
    double before = INFINITY;
    for (int round = 0; round < rounds; ++round) {
        if (!reweigh_rows(tree, terms, data, fit)) return false;
        if (round == rounds - 1 || !(fit.loss < (1.0 - settled) * before)) break;
        before = fit.loss;
        reweighted_ = true;
        const Fit chosen = fit;
        const bool good = sums_of(tree, terms, data, sums) && solve(terms, data, &chosen, fit, sums);
        reweighted_ = false;
        if (!good) return false;
    }
    fit.fitness = std::log(fit.loss + 1e-30);
    return std::isfinite(fit.loss);
}

double Evaluator::loss_of(const Individual& individual, const Data& data) {
    const Terms terms = terms_of(individual.tree);
    Fit f;
    f.targets = data.targets;
    for (int t = 0; t < data.targets; ++t) {
        std::copy(individual.fit[t].coefficient, individual.fit[t].coefficient + kMaxTerms, f.of[t].coefficient);
        f.of[t].constant = individual.fit[t].constant;
    }
    double r[kMaxTargets * (kMaxTerms + 1)], losses[kMaxTargets], sum = 0.0;
    reweighted_ = false;
    if (!measure(individual.tree, terms, data, f, losses, r)) return INFINITY;
    for (int t = 0; t < data.targets; ++t) sum += losses[t] / data.targets;
    return sum;
}

double Evaluator::formula_loss(const Tree* formulas, int first, int count, const Data& data, double* each) {
    if (data.points > 0) {
        double lost = 0.0, whole = 0.0;
        responses(formulas[0], formulas[0].root(), data, residual_.data());
        for (int r = 0; r < data.rows; ++r) {
            const double e = data.y(0)[r] - residual_[static_cast<std::size_t>(r)] / data.spread[0];
            lost += e * e;
            whole += data.root_weight[static_cast<std::size_t>(r)] * data.root_weight[static_cast<std::size_t>(r)];
        }
        if (each) each[0] = lost / whole;
        return std::isfinite(lost) ? lost / whole : INFINITY;
    }
    double sum = 0.0, mass = 0.0, own[kMaxTargets] = {};
    for (int row = 0; row < data.padded; row += kBlock) {
        if (interrupted(row)) return INFINITY;
        for (int t = 0; t < count; ++t)
            kernel_.forward(formulas[t].nodes, 0, formulas[t].root(), data.columns.data(), static_cast<std::size_t>(row), slots_.data(),
                            where_, residual_.data() + kBlock * t, row == 0 || count > 1);
        for (int r = 0; r < kBlock && row + r < data.rows; ++r) {
            const double w = data.root_weight[static_cast<std::size_t>(row + r)];
            if (w == 0.0) continue;
            double square = 0.0, e = 0.0;
            for (int t = 0; t < count; ++t) {
                e = std::fabs(data.y(first + t)[row + r] / w - residual_[static_cast<std::size_t>(kBlock * t + r)] / data.spread[first + t]);
                square += e * e / count;
                own[t] += w * w * penalty(e);
            }
            mass += w * w;
            sum += w * w * penalty(count == 1 ? e : std::sqrt(square));
        }
    }
    bool finite = true;
    for (int t = 0; t < count; ++t) {
        own[t] /= mass;
        finite &= std::isfinite(own[t]);
        if (each) each[t] = own[t];
    }
    return finite ? sum / mass : INFINITY;
}

}  // namespace nde
