// Levenberg-Marquardt for the constants inside the terms.
#include <algorithm>
#include <cmath>

#include "dimension.hpp"
#include "evaluate.hpp"

namespace nde {

/// Inner products of (terms..., ones, derivatives of the terms by the constants..., residuals...).
bool Evaluator::gradient_sums(const Tree& tree, const Terms& terms, const Data& data, const Fit& fit, const int* inner, int count,
                              double* sums) {
    if (data.points > 0) return response_sums(tree, terms, data, fit, inner, count, sums);
    const double* columns[kMaxWidth + kMaxInner];
    const int n = terms.n + 1 + count + data.targets;
    std::fill(sums, sums + n * n, 0.0);
    unsigned char wanted[kMaxNodes] = {};
    for (int i = 0; i < tree.size; ++i) wanted[i] = has_constant(tree, i);
    const bool always = data.weighted || reweighted_;
    for (int k = 0; k < terms.n; ++k) columns[k] = term_.data() + kBlock * k;
    for (int j = 0; j < count; ++j) columns[terms.n + 1 + j] = adjoint_.data() + kBlock * inner[j];
    for (int t = 0; t < data.targets; ++t) columns[terms.n + 1 + count + t] = residual_.data() + kBlock * t;
    for (int row = 0; row < data.padded; row += kBlock) {
        if (interrupted(row)) return false;
        for (int k = 0; k < terms.n; ++k) {
            kernel_.forward(tree.nodes, terms.begin[k], terms.root[k], data.columns.data(), static_cast<std::size_t>(row),
                            slots_.data(), where_, term_.data() + kBlock * k, row == 0);
            if (!wanted[terms.root[k]]) continue;
            std::fill_n(adjoint_.data() + kBlock * terms.root[k], kBlock, 1.0);
            kernel_.reverse(tree.nodes, terms.begin[k], terms.root[k], where_, wanted, adjoint_.data());
        }
        if (always || row + kBlock > data.rows) {
            for (int k = 0; k < terms.n; ++k) kernel_.scale(term_.data() + kBlock * k, ones(data) + row, kBlock);
            for (int j = 0; j < count; ++j) kernel_.scale(adjoint_.data() + kBlock * inner[j], ones(data) + row, kBlock);
        }
        columns[terms.n] = ones(data) + row;
        for (int t = 0; t < data.targets; ++t) residual(terms, data, row, t, fit.of[t], residual_.data() + kBlock * t);
        kernel_.gram(columns, n, kBlock, sums);
    }
    return true;
}

/// The same where rows are sums over points.
bool Evaluator::response_sums(const Tree& tree, const Terms& terms, const Data& data, const Fit& fit, const int* inner, int count,
                              double* sums) {
    const double* columns[kMaxWidth + kMaxInner];
    const int n = terms.n + 1 + count + data.targets;
    unsigned char wanted[kMaxNodes] = {};
    for (int i = 0; i < tree.size; ++i) wanted[i] = has_constant(tree, i);
    std::fill(sums, sums + n * n, 0.0);
    std::fill_n(term_.data(), kBlock * terms.n, 0.0);
    std::fill_n(slope_.data(), kBlock * count, 0.0);
    for (int from = 0; from < data.points; from += kBlock) {
        if (interrupted(from)) return false;
        for (int k = 0; k < terms.n; ++k) {
            kernel_.forward(tree.nodes, terms.begin[k], terms.root[k], data.columns.data(), static_cast<std::size_t>(from), slots_.data(),
                            where_, point_.data(), from == 0);
            add_response(data, from, point_.data(), term_.data() + kBlock * k);
            if (!wanted[terms.root[k]]) continue;
            std::fill_n(adjoint_.data() + kBlock * terms.root[k], kBlock, 1.0);
            kernel_.reverse(tree.nodes, terms.begin[k], terms.root[k], where_, wanted, adjoint_.data());
        }
        for (int j = 0; j < count; ++j) add_response(data, from, adjoint_.data() + kBlock * inner[j], slope_.data() + kBlock * j);
    }
    for (int k = 0; k < terms.n; ++k) columns[k] = term_.data() + kBlock * k;
    columns[terms.n] = data.root_weight.data();
    for (int j = 0; j < count; ++j) columns[terms.n + 1 + j] = slope_.data() + kBlock * j;
    for (int t = 0; t < data.targets; ++t) {
        columns[terms.n + 1 + count + t] = residual_.data() + kBlock * t;
        residual(terms, data, 0, t, fit.of[t], residual_.data() + kBlock * t);
    }
    kernel_.gram(columns, n, kBlock, sums);
    return true;
}

/// Sum over the targets of J'J and J'r, the coefficients eliminated: J'J - J'T (T'T)^-1 T'J and J'r - J'T (T'T)^-1 T'r. A
/// target weighs in by one over its loss, as if its noise had to be estimated too.
bool Evaluator::normal_equations(const Tree& tree, const Terms& terms, const Data& data, const Fit& fit, const int* inner, int count,
                                 double* a, double* b) {
    constexpr int kMost = kMaxWidth + kMaxInner;
    double sums[kMost * kMost];
    if (!gradient_sums(tree, terms, data, fit, inner, count, sums)) return false;
    const int n = terms.n + 1 + count + data.targets, first = terms.n + 1;
    int term_of[kMaxInner];
    for (int j = 0; j < count; ++j)
        for (int k = 0; k < terms.n; ++k)
            if (terms.begin[k] <= inner[j] && inner[j] <= terms.root[k]) term_of[j] = k;
    std::fill(a, a + count * count, 0.0);
    std::fill(b, b + count, 0.0);
    for (int t = 0; t < data.targets; ++t) {
        const Linear& own = fit.of[t];
        const double weight = data.targets == 1 ? 1.0 : 1.0 / (own.loss + 1e-26);
        int at[kMaxTerms + 1], linear = 0;
        for (int k = 0; k < terms.n; ++k)
            if (own.used[k]) at[linear++] = k;
        if (own.intercept) at[linear++] = terms.n;
        double tt[(kMaxTerms + 1) * (kMaxTerms + 1)], right[kMaxTerms + 1], x[32];
        for (int i = 0; i < linear; ++i)
            for (int j = i; j < linear; ++j) tt[i * linear + j] = sums[at[i] * n + at[j]];
        for (int j = 0; j <= count; ++j) {
            const int column = j < count ? first + j : first + count + t;
            const double by = j < count ? own.coefficient[term_of[j]] : 1.0;
            for (int i = 0; i < linear; ++i) right[i] = sums[at[i] * n + column];
            if (linear > 0 && !solve_damped(tt, right, linear, 1e-13, x)) return false;
            for (int m = 0; m < count && m <= j; ++m) {
                double v = sums[(first + m) * n + column];
                for (int i = 0; i < linear; ++i) v -= sums[at[i] * n + first + m] * x[i];
                v *= weight * by * own.coefficient[term_of[m]];
                if (j < count) a[m * count + j] += v;
                else b[m] += v;
            }
        }
    }
    for (int i = 0; i < count * count; ++i)
        if (i % count >= i / count && !std::isfinite(a[i])) return false;
    return true;
}

bool Evaluator::optimise_constants(Individual& individual, const Data& data, int steps) {
    if (!options_.dimensional) return optimise(individual, data, steps, false);
    const Individual before = individual;
    if (!optimise(individual, data, steps, false)) return false;
    if (terms_consistent(individual.tree, options_)) return true;
    individual = before;
    return optimise(individual, data, steps, true);
}

bool Evaluator::optimise(Individual& individual, const Data& data, int steps, bool keep_exponents) {
    if (formula_template_) return formula_template_->optimise_constants(individual, data, steps, keep_exponents);
    int inner[kMaxInner], count = 0;
    const Terms terms = terms_of(individual.tree);
    for (int k = 0; k < terms.n; ++k)
        for (int i = terms.begin[k]; i <= terms.root[k] && count < kMaxInner; ++i)
            if (individual.tree.nodes[i].op == Op::Constant && !(keep_exponents && i < terms.root[k] && individual.tree.nodes[i + 1].op == Op::Power)) inner[count++] = i;
    if (count == 0) return false;
    Tree tree = individual.tree;
    double sums[kMaxWidth * kMaxWidth];
    Fit best;
    best.targets = data.targets;
    best.loss = individual.loss;
    best.fitness = individual.fitness;
    for (int t = 0; t < data.targets; ++t) {
        Linear& own = best.of[t];
        own.terms = terms.n;
        own.intercept = individual.fit[t].intercept;
        own.constant = individual.fit[t].constant;
        own.loss = individual.fit[t].loss;
        for (int k = 0; k < terms.n; ++k) {
            own.coefficient[k] = individual.fit[t].coefficient[k];
            own.used[k] = data.targets == 1 || own.coefficient[k] != 0.0;
        }
    }
    double damping = 1e-3;
    bool gained = false;
    double a[kMaxInner * kMaxInner], b[kMaxInner], move[32];
    for (int step = 0; step < steps && !stopped(); ++step) {
        ++evaluations;
        if (options_.loss != Loss::Squares) {
            Fit now = best;
            if (!reweigh_rows(tree, terms, data, now)) break;
            reweighted_ = true;
        }
        const bool good = normal_equations(tree, terms, data, best, inner, count, a, b);
        reweighted_ = false;
        if (!good) break;
        bool accepted = false;
        const double before = best.fitness;
        for (int attempt = 0; attempt < 4 && !accepted && !stopped(); ++attempt) {
            if (!solve_damped(a, b, count, damping, move)) { damping *= 30.0; continue; }
            Tree trial = tree;
            bool finite = true;
            for (int j = 0; j < count; ++j) {
                trial.nodes[inner[j]].value += move[j];
                finite &= std::isfinite(trial.nodes[inner[j]].value);
            }
            Fit f;
            if (finite && fit(trial, terms, data, &best, f, sums) && f.fitness < best.fitness) {
                tree = trial;
                best = f;
                accepted = gained = true;
                damping = std::max(damping * 0.1, 1e-12);
            } else {
                damping *= 8.0;
            }
        }
        if (!accepted || best.fitness < -66.7 || best.fitness > before - 1e-4) break;  // exact to rounding, or no more to gain
    }
    if (!gained) return false;
    individual.tree = tree;
    store(individual, best, data);
    return true;
}

}  // namespace nde
