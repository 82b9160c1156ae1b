#include "evaluate.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace nde {

Evaluator::Evaluator(const Kernel& kernel, const Options& options, const std::atomic<bool>* stop)
    : kernel_(kernel),
      options_(options),
      stop_(stop),
      slots_(static_cast<std::size_t>(kMaxNodes) * kBlock),
      adjoint_(static_cast<std::size_t>(kMaxNodes) * kBlock),
      term_(static_cast<std::size_t>(kMaxTerms) * kBlock),
      residual_(kBlock) {}

Evaluator::Terms Evaluator::terms_of(const Tree& tree) {
    Terms t;
    t.n = term_roots(tree, t.root);
    for (int k = 0; k < t.n; ++k) t.begin[k] = tree.begin(t.root[k]);
    return t;
}

bool Evaluator::run_terms(const Tree& tree, const Terms& terms, const Data& data, int row, bool fresh) {
    const bool scaled = data.weighted || reweighted_ || row + kBlock > data.rows;
    const double* weight = (reweighted_ ? extra_.data() : data.root_weight.data()) + row;
    for (int k = 0; k < terms.n; ++k) {
        double* out = term_.data() + kBlock * k;
        kernel_.forward(tree.nodes, terms.begin[k], terms.root[k], data.columns.data(), static_cast<std::size_t>(row),
                        slots_.data(), where_, out, fresh);
        if (scaled) kernel_.scale(out, weight, kBlock);
    }
    return true;
}

bool Evaluator::sums_of(const Tree& tree, const Terms& terms, const Data& data, double* sums) {
    const int n = terms.n + 2;
    const double* columns[kMaxTerms + 2];
    std::fill(sums, sums + n * n, 0.0);
    for (int k = 0; k < terms.n; ++k) columns[k] = term_.data() + kBlock * k;
    const double* ones = reweighted_ ? extra_.data() : data.root_weight.data();
    const double* target = reweighted_ ? extra_target_.data() : data.target.data();
    for (int row = 0; row < data.padded; row += kBlock) {
        if (((row / kBlock) & 63) == 63 && stopped()) return false;
        run_terms(tree, terms, data, row, row == 0);
        columns[terms.n] = ones + row;
        columns[terms.n + 1] = target + row;
        kernel_.gram(columns, n, kBlock, sums);
        for (int k = 0; k < terms.n; ++k)
            if (!(sums[k * n + k] < 1e250)) return false;
    }
    return true;
}

double Evaluator::measure_loss(const Tree& tree, const Terms& terms, const Data& data, const Linear& fit, double* residual_sums) {
    const int n = terms.n + 1;
    const double* columns[kMaxTerms + 2];
    double coefficient[kMaxTerms + 1];
    std::fill(residual_sums, residual_sums + n, 0.0);
    for (int k = 0; k < terms.n; ++k) {
        columns[k] = term_.data() + kBlock * k;
        coefficient[k] = -fit.coefficient[k];
    }
    const double* ones = reweighted_ ? extra_.data() : data.root_weight.data();
    const double* target = reweighted_ ? extra_target_.data() : data.target.data();
    double loss = 0.0, total = 0.0, pair[4];
    double* r = residual_.data();
    for (int row = 0; row < data.padded; row += kBlock) {
        if (((row / kBlock) & 63) == 63 && stopped()) return INFINITY;
        run_terms(tree, terms, data, row, row == 0);
        columns[terms.n] = ones + row;
        coefficient[terms.n] = -fit.constant;
        columns[terms.n + 1] = target + row;
        double all[kMaxTerms + 2];
        const double* use[kMaxTerms + 2];
        int m = 0;
        for (int k = 0; k < n; ++k)
            if (coefficient[k] != 0.0) { use[m] = columns[k]; all[m++] = coefficient[k]; }
        use[m] = target + row;
        all[m++] = 1.0;
        kernel_.combine(use, all, m, 0.0, kBlock, r);
        for (int k = 0; k < n; ++k) {
            const double* two[2] = {r, columns[k]};
            std::fill(pair, pair + 4, 0.0);
            kernel_.gram(two, 2, kBlock, pair);
            residual_sums[k] += pair[1];
            if (k == terms.n) { loss += pair[0]; total += pair[3]; }
        }
    }
    return loss / total;
}

bool Evaluator::refine(const Tree& tree, const Terms& terms, const Data& data, const double* sums, Linear& fit) {
    double r[kMaxTerms + 1];
    fit.loss = measure_loss(tree, terms, data, fit, r);
    if (!std::isfinite(fit.loss)) return false;
    Linear better = fit;
    refine_linear(sums, terms.n, r, better);
    better.loss = measure_loss(tree, terms, data, better, r);
    if (better.loss < fit.loss) fit = better;
    return true;
}

bool Evaluator::reweigh(const Tree& tree, const Terms& terms, const Data& data, Linear& fit, double* sums) {
    // Iteratively reweighted least squares: weights 1/max(|r|, small) for absolute, min(1, delta/|r|) for Huber.
    if (extra_.size() < static_cast<std::size_t>(data.padded)) {
        extra_ = Buffer(static_cast<std::size_t>(data.padded));
        extra_target_ = Buffer(static_cast<std::size_t>(data.padded));
    }
    Buffer plain(static_cast<std::size_t>(kBlock));
    double objective = 0.0;
    for (int round = 0; round < 6; ++round) {
        objective = 0.0;
        reweighted_ = false;
        double mass = 0.0;
        const double* use[kMaxTerms + 2];
        double all[kMaxTerms + 2];
        Buffer next(static_cast<std::size_t>(data.padded)), next_target(static_cast<std::size_t>(data.padded));
        for (int row = 0; row < data.padded; row += kBlock) {
            if (((row / kBlock) & 63) == 63 && stopped()) return false;
            run_terms(tree, terms, data, row, row == 0);
            int m = 0;
            for (int k = 0; k < terms.n; ++k)
                if (fit.coefficient[k] != 0.0) { use[m] = term_.data() + kBlock * k; all[m++] = -fit.coefficient[k]; }
            use[m] = data.root_weight.data() + row; all[m++] = -fit.constant;
            use[m] = data.target.data() + row; all[m++] = 1.0;
            kernel_.combine(use, all, m, 0.0, kBlock, plain.data());
            for (int r = 0; r < kBlock; ++r) {
                const double w = data.root_weight[row + r];
                if (w == 0.0) continue;
                const double e = std::fabs(plain[r]) / w;
                double u = 1.0;
                if (options_.loss == Loss::Absolute) {
                    u = 1.0 / std::sqrt(std::max(e, 1e-9));
                } else {
                    const double d = options_.huber;
                    u = e <= d ? 1.0 : std::sqrt(d / e);
                }
                objective += w * w * penalty(e);
                mass += w * w;
                next[row + r] = w * u;
                next_target[row + r] = data.target[row + r] * u;
            }
        }
        objective /= mass;
        std::swap(extra_, next);
        std::swap(extra_target_, next_target);
        reweighted_ = true;
        if (round == 5) break;
        const bool intercept = fit.intercept;
        bool with[kMaxTerms];
        std::copy(fit.used, fit.used + kMaxTerms, with);
        if (!sums_of(tree, terms, data, sums) || !solve_linear(sums, terms.n, with, intercept, fit)) {
            reweighted_ = false;
            return false;
        }
    }
    reweighted_ = false;
    fit.loss = objective;
    return std::isfinite(fit.loss);
}

bool Evaluator::fit(const Tree& tree, const Terms& terms, const Data& data, const bool* with, bool intercept, Linear& out,
                    double* sums) {
    ++evaluations;
    reweighted_ = false;
    if (!sums_of(tree, terms, data, sums) || !solve_linear(sums, terms.n, with, intercept, out)) return false;
    const double offset = data.mean / data.spread;
    if (out.loss < 1e-7 + 1e-13 * offset * offset && !refine(tree, terms, data, sums, out)) return false;
    if (options_.loss != Loss::Squares) return reweigh(tree, terms, data, out, sums);
    return true;
}

bool Evaluator::assess(Member& member, const Data& data, bool prune) {
    Terms terms = terms_of(member.tree);
    double sums[(kMaxTerms + 2) * (kMaxTerms + 2)];
    Linear f;
    if (!fit(member.tree, terms, data, nullptr, true, f, sums)) return false;
    // A term that pays less than the Bayesian information criterion asks for one parameter is dropped.
    const double share = prune ? std::min(0.01, std::log(static_cast<double>(data.rows)) / data.rows) : 0.0;
    bool with[kMaxTerms];
    int used = 0;
    for (int k = 0; k < terms.n; ++k) used += with[k] = f.used[k];
    if (used == 0) return false;
    bool dropped = used < terms.n;
    for (;;) {
        int least = -1;
        const double limit = std::max(share * f.loss, 1e-22);
        double cost = limit;
        if (used > 1)
            for (int k = 0; k < terms.n; ++k)
                if (with[k] && f.cost[k] <= cost) { cost = f.cost[k]; least = k; }
        if (f.intercept && f.cost[terms.n] <= cost) least = terms.n;
        if (least < 0) break;
        Linear g;
        bool intercept = f.intercept;
        if (least == terms.n) intercept = false;
        else { with[least] = false; --used; }
        if (!solve_linear(sums, terms.n, with, intercept, g)) break;
        if (f.loss < 1e-7 || g.loss < 1e-7) {
            if (!refine(member.tree, terms, data, sums, g)) return false;
        }
        if (options_.loss != Loss::Squares && !reweigh(member.tree, terms, data, g, sums)) return false;
        dropped |= least < terms.n;
        f = g;
    }
    if (dropped && !select(member, f, with)) return false;
    store(member, f, data);
    return true;
}

bool Evaluator::thin(Member& member, const Data& data) {
    const Terms terms = terms_of(member.tree);
    if (terms.n < 2 && !member.intercept) return false;
    double sums[(kMaxTerms + 2) * (kMaxTerms + 2)];
    bool with[kMaxTerms];
    std::fill(with, with + kMaxTerms, true);
    Linear f, g;
    if (!fit(member.tree, terms, data, with, member.intercept, f, sums)) return false;
    int least = member.intercept ? terms.n : 0;
    if (terms.n > 1)
        for (int k = 0; k < terms.n; ++k)
            if (f.cost[k] < f.cost[least]) least = k;
    const bool intercept = member.intercept && least != terms.n;
    if (least < terms.n) with[least] = false;
    if (!fit(member.tree, terms, data, with, intercept, g, sums)) return false;
    if (least < terms.n && !select(member, g, with)) return false;
    store(member, g, data);
    return true;
}

bool Evaluator::select(Member& member, Linear& f, const bool* with) {
    Tree smaller;
    if (!select_terms(member.tree, with, smaller)) return false;
    const int terms = terms_of(member.tree).n;
    int n = 0;
    for (int k = 0; k < terms; ++k)
        if (with[k]) f.coefficient[n++] = f.coefficient[k];
    member.tree = smaller;
    return true;
}

double Evaluator::criterion(const Member& member, const Data& data) {
    return std::log(member.loss + 1e-30) + fitted_numbers(member, data.spread) * std::log(static_cast<double>(data.rows)) / data.rows;
}

void Evaluator::store(Member& member, const Linear& f, const Data& data) {
    member.terms = terms_of(member.tree).n;
    for (int k = 0; k < member.terms; ++k) member.coefficient[k] = f.coefficient[k];
    member.constant = f.constant;
    member.intercept = f.intercept;
    member.loss = f.loss;
    member.criterion = criterion(member, data);
    member.complexity = complexity(member, data.spread, options_);
    member.hash = hash(member.tree, member.tree.root());
}

bool Evaluator::normal_equations(const Tree& tree, const Terms& terms, const Data& data, const Linear& fit, const int* inner,
                                 int count, double* a, double* b) {
    const double* columns[kMaxTerms + 2 + kMaxInner];
    const int n = terms.n + 2 + count;
    double sums[(kMaxTerms + 2 + kMaxInner) * (kMaxTerms + 2 + kMaxInner)];
    std::fill(sums, sums + n * n, 0.0);
    unsigned char wanted[kMaxNodes] = {};
    for (int i = 0; i < tree.size; ++i) wanted[i] = has_constant(tree, i);
    const double* ones = reweighted_ ? extra_.data() : data.root_weight.data();
    const double* target = reweighted_ ? extra_target_.data() : data.target.data();
    const bool always = data.weighted || reweighted_;
    for (int row = 0; row < data.padded; row += kBlock) {
        if (((row / kBlock) & 63) == 63 && stopped()) return false;
        const bool scaled = always || row + kBlock > data.rows;
        for (int k = 0; k < terms.n; ++k) {
            double* out = term_.data() + kBlock * k;
            kernel_.forward(tree.nodes, terms.begin[k], terms.root[k], data.columns.data(), static_cast<std::size_t>(row),
                            slots_.data(), where_, out, row == 0);
            columns[k] = out;
            if (!wanted[terms.root[k]]) continue;
            std::fill_n(adjoint_.data() + kBlock * terms.root[k], kBlock, fit.coefficient[k]);
            kernel_.reverse(tree.nodes, terms.begin[k], terms.root[k], where_, wanted, adjoint_.data());
        }
        if (scaled) {
            for (int k = 0; k < terms.n; ++k) kernel_.scale(term_.data() + kBlock * k, ones + row, kBlock);
            for (int j = 0; j < count; ++j) kernel_.scale(adjoint_.data() + kBlock * inner[j], ones + row, kBlock);
        }
        columns[terms.n] = ones + row;
        for (int j = 0; j < count; ++j) columns[terms.n + 1 + j] = adjoint_.data() + kBlock * inner[j];
        const double* use[kMaxTerms + 2];
        double all[kMaxTerms + 2];
        for (int k = 0; k < terms.n; ++k) { use[k] = columns[k]; all[k] = -fit.coefficient[k]; }
        use[terms.n] = ones + row; all[terms.n] = -fit.constant;
        use[terms.n + 1] = target + row; all[terms.n + 1] = 1.0;
        kernel_.combine(use, all, terms.n + 2, 0.0, kBlock, residual_.data());
        columns[n - 1] = residual_.data();
        kernel_.gram(columns, n, kBlock, sums);
    }
    // Eliminate the coefficients: A = J'J - J'T (T'T)^-1 T'J, b = J'r - J'T (T'T)^-1 T'r.
    const int linear = terms.n + (fit.intercept ? 1 : 0);
    double tt[(kMaxTerms + 1) * (kMaxTerms + 1)], right[kMaxTerms + 1], x[32];
    for (int i = 0; i < linear; ++i)
        for (int j = i; j < linear; ++j) tt[i * linear + j] = sums[i * n + j];
    const int first = terms.n + 1;
    for (int j = 0; j <= count; ++j) {
        const int column = j < count ? first + j : n - 1;
        for (int i = 0; i < linear; ++i) right[i] = sums[i * n + column];
        if (!solve_damped(tt, right, linear, 1e-13, x)) return false;
        for (int m = 0; m < count && m <= j; ++m) {
            double v = sums[(first + m) * n + column];
            for (int i = 0; i < linear; ++i) v -= sums[i * n + first + m] * x[i];
            if (j < count) a[m * count + j] = v;
            else b[m] = v;
        }
    }
    for (int i = 0; i < count * count; ++i)
        if (i % count >= i / count && !std::isfinite(a[i])) return false;
    return true;
}

bool Evaluator::polish(Member& member, const Data& data, int steps) {
    int inner[kMaxInner], count = 0;
    const Terms terms = terms_of(member.tree);
    for (int k = 0; k < terms.n; ++k)
        for (int i = terms.begin[k]; i <= terms.root[k] && count < kMaxInner; ++i)
            if (member.tree.nodes[i].op == Op::Constant) inner[count++] = i;
    if (count == 0) return false;
    Tree tree = member.tree;
    double sums[(kMaxTerms + 2) * (kMaxTerms + 2)];
    Linear best;
    best.terms = terms.n;
    best.intercept = member.intercept;
    best.constant = member.constant;
    best.loss = member.loss;
    for (int k = 0; k < terms.n; ++k) { best.coefficient[k] = member.coefficient[k]; best.used[k] = true; }
    double damping = 1e-3;
    bool gained = false;
    double a[kMaxInner * kMaxInner], b[kMaxInner], move[32];
    for (int step = 0; step < steps && !stopped(); ++step) {
        if (options_.loss != Loss::Squares) reweighted_ = extra_.size() >= static_cast<std::size_t>(data.padded);
        ++evaluations;
        const bool good = normal_equations(tree, terms, data, best, inner, count, a, b);
        reweighted_ = false;
        if (!good) break;
        bool accepted = false;
        double before = best.loss;
        for (int attempt = 0; attempt < 4 && !accepted; ++attempt) {
            if (!solve_damped(a, b, count, damping, move)) { damping *= 30.0; continue; }
            Tree trial = tree;
            bool finite = true;
            for (int j = 0; j < count; ++j) {
                trial.nodes[inner[j]].value += move[j];
                finite &= std::isfinite(trial.nodes[inner[j]].value);
            }
            Linear f;
            if (finite && fit(trial, terms, data, best.used, best.intercept, f, sums) && f.loss < best.loss) {
                tree = trial;
                best = f;
                accepted = gained = true;
                damping = std::max(damping * 0.1, 1e-12);
            } else {
                damping *= 8.0;
            }
        }
        if (!accepted || best.loss < 1e-29 || best.loss > before * (1.0 - 1e-4)) break;
    }
    if (!gained) return false;
    Member better = member;
    better.tree = tree;
    for (int k = 0; k < terms.n; ++k) better.coefficient[k] = best.coefficient[k];
    better.constant = best.constant;
    better.loss = best.loss;
    better.criterion = criterion(better, data);
    better.complexity = complexity(better, data.spread, options_);
    better.hash = hash(better.tree, better.tree.root());
    member = better;
    return true;
}

double Evaluator::loss_of(const Member& member, const Data& data) {
    const Terms terms = terms_of(member.tree);
    Linear f;
    f.terms = terms.n;
    f.intercept = member.intercept;
    f.constant = member.constant;
    for (int k = 0; k < terms.n; ++k) f.coefficient[k] = member.coefficient[k];
    double r[kMaxTerms + 1];
    reweighted_ = false;
    const double loss = measure_loss(member.tree, terms, data, f, r);
    return std::isfinite(loss) ? loss : INFINITY;
}

double Evaluator::formula_loss(const Tree& tree, const Data& data) {
    double sum = 0.0, mass = 0.0;
    for (int row = 0; row < data.padded; row += kBlock) {
        if (((row / kBlock) & 63) == 63 && stopped()) return INFINITY;
        kernel_.forward(tree.nodes, 0, tree.root(), data.columns.data(), static_cast<std::size_t>(row), slots_.data(), where_,
                        residual_.data(), row == 0);
        for (int r = 0; r < kBlock && row + r < data.rows; ++r) {
            const double w = data.root_weight[row + r];
            if (w == 0.0) continue;
            const double e = std::fabs(data.target[row + r] / w - residual_[r] / data.spread);
            mass += w * w;
            sum += w * w * penalty(e);
        }
    }
    const double loss = sum / mass;
    return std::isfinite(loss) ? loss : INFINITY;
}

double Evaluator::penalty(double e) const {
    switch (options_.loss) {
        case Loss::Absolute: return e;
        case Loss::Huber: return e <= options_.huber ? e * e : options_.huber * (2.0 * e - options_.huber);
        default: return e * e;
    }
}

void Evaluator::values(const Tree& tree, int root, const Data& data, double* out) {
    for (int row = 0; row < data.padded; row += kBlock)
        kernel_.forward(tree.nodes, tree.begin(root), root, data.columns.data(), static_cast<std::size_t>(row), slots_.data(),
                        where_, out + row, row == 0);
}

bool Evaluator::residual(const Member& member, const Data& data, double* out) {
    const Terms terms = terms_of(member.tree);
    const double* use[kMaxTerms + 2];
    double all[kMaxTerms + 2];
    reweighted_ = false;
    for (int row = 0; row < data.padded; row += kBlock) {
        run_terms(member.tree, terms, data, row, row == 0);
        for (int k = 0; k < terms.n; ++k) { use[k] = term_.data() + kBlock * k; all[k] = -member.coefficient[k]; }
        use[terms.n] = data.root_weight.data() + row; all[terms.n] = -member.constant;
        use[terms.n + 1] = data.target.data() + row; all[terms.n + 1] = 1.0;
        kernel_.combine(use, all, terms.n + 2, 0.0, kBlock, out + row);
    }
    return true;
}

bool Evaluator::sensitivity(const Member& member, int node, const Data& data, double* out) {
    const Terms terms = terms_of(member.tree);
    int term = -1;
    for (int k = 0; k < terms.n; ++k)
        if (terms.begin[k] <= node && node <= terms.root[k]) term = k;
    if (term < 0) return false;
    unsigned char wanted[kMaxNodes] = {};
    for (int i = terms.begin[term]; i <= terms.root[term]; ++i)
        wanted[i] = member.tree.begin(i) <= node && node <= i;
    for (int row = 0; row < data.padded; row += kBlock) {
        kernel_.forward(member.tree.nodes, terms.begin[term], terms.root[term], data.columns.data(), static_cast<std::size_t>(row),
                        slots_.data(), where_, term_.data(), row == 0);
        std::fill_n(adjoint_.data() + kBlock * terms.root[term], kBlock, member.coefficient[term]);
        // stop at the node itself: its own adjoint is the answer
        unsigned char until[kMaxNodes];
        std::memcpy(until, wanted, sizeof until);
        until[node] = node == terms.root[term];
        if (node != terms.root[term]) {
            std::memcpy(until, wanted, sizeof until);
            kernel_.reverse(member.tree.nodes, node + 1, terms.root[term], where_, until, adjoint_.data());
        }
        std::memcpy(out + row, adjoint_.data() + kBlock * node, sizeof(double) * kBlock);
    }
    return true;
}

}  // namespace nde
