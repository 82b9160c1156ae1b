#include "evaluate.hpp"

#include <algorithm>
#include <cmath>

namespace nde {

namespace {

/// Below this NMSE the inner products alone no longer tell what is left over.
constexpr double kNearlyExact = 1e-7;

}  // namespace

Evaluator::Evaluator(const Kernel& kernel, const Options& options, const std::atomic<bool>* stop)
    : kernel_(kernel),
      options_(options),
      stop_(stop),
      slots_(static_cast<std::size_t>(kMaxNodes) * kBlock),
      adjoint_(static_cast<std::size_t>(kMaxNodes) * kBlock),
      term_(static_cast<std::size_t>(kMaxTerms) * kBlock),
      residual_(static_cast<std::size_t>(kMaxTargets) * kBlock),
      point_(kBlock),
      slope_(static_cast<std::size_t>(kMaxInner) * kBlock) {
    if (options.formula_template.active()) formula_template_ = std::make_unique<TemplateFit>(kernel, options, stop, evaluations);
}

Evaluator::Terms Evaluator::terms_of(const Tree& tree) {
    Terms t;
    t.n = term_roots(tree, t.root);
    for (int k = 0; k < t.n; ++k) t.begin[k] = tree.begin(t.root[k]);
    return t;
}

void Evaluator::add_response(const Data& data, int from, const double* values, double* out) const {
    const double *columns[kBlock + 1], *parts = data.response->data() + static_cast<std::size_t>(from) * kBlock;
    double by[kBlock + 1];
    const int n = std::min(kBlock, data.points - from);
    for (int j = 0; j < n; ++j) {
        columns[j] = parts + static_cast<std::size_t>(j) * kBlock;
        by[j] = values[j];
    }
    columns[n] = out;
    by[n] = 1.0;
    kernel_.combine(columns, by, n + 1, 0.0, kBlock, out);
}

void Evaluator::responses(const Tree& tree, int root, const Data& data, double* out) {
    std::fill_n(out, kBlock, 0.0);
    for (int from = 0; from < data.points; from += kBlock) {
        kernel_.forward(tree.nodes, tree.begin(root), root, data.columns.data(), static_cast<std::size_t>(from), slots_.data(), where_,
                        point_.data(), from == 0);
        add_response(data, from, point_.data(), out);
    }
}

bool Evaluator::run_terms(const Tree& tree, const Terms& terms, const Data& data, int row, bool fresh) {
    if (data.points > 0) {
        for (int k = 0; k < terms.n; ++k) responses(tree, terms.root[k], data, term_.data() + kBlock * k);
        return true;
    }
    const bool scaled = data.weighted || reweighted_ || row + kBlock > data.rows;
    const double* weight = ones(data) + row;
    for (int k = 0; k < terms.n; ++k) {
        double* out = term_.data() + kBlock * k;
        kernel_.forward(tree.nodes, terms.begin[k], terms.root[k], data.columns.data(), static_cast<std::size_t>(row),
                        slots_.data(), where_, out, fresh);
        if (scaled) kernel_.scale(out, weight, kBlock);
    }
    return true;
}

bool Evaluator::sums_of(const Tree& tree, const Terms& terms, const Data& data, double* sums) {
    const int n = terms.n + 1 + data.targets;
    const double* columns[kMaxWidth];
    std::fill(sums, sums + n * n, 0.0);
    for (int k = 0; k < terms.n; ++k) columns[k] = term_.data() + kBlock * k;
    for (int row = 0; row < data.padded; row += kBlock) {
        if (interrupted(row)) return false;
        run_terms(tree, terms, data, row, row == 0);
        columns[terms.n] = ones(data) + row;
        for (int t = 0; t < data.targets; ++t) columns[terms.n + 1 + t] = target(data, t) + row;
        kernel_.gram(columns, n, kBlock, sums);
        for (int k = 0; k < terms.n; ++k)
            if (!(sums[k * n + k] < 1e250)) return false;
    }
    return true;
}

/// target - prediction over one block, from the terms that were run, times the root weight.
void Evaluator::residual(const Terms& terms, const Data& data, int row, int t, const Linear& fit, double* out) const {
    const double* use[kMaxTerms + 2];
    double by[kMaxTerms + 2];
    int m = 0;
    for (int k = 0; k < terms.n; ++k)
        if (fit.coefficient[k] != 0.0) { use[m] = term_.data() + kBlock * k; by[m++] = -fit.coefficient[k]; }
    if (fit.constant != 0.0) { use[m] = ones(data) + row; by[m++] = -fit.constant; }
    use[m] = target(data, t) + row;
    by[m++] = 1.0;
    kernel_.combine(use, by, m, 0.0, kBlock, out);
}

/// Losses of all targets, and the inner products of their residuals with (terms..., ones).
bool Evaluator::measure(const Tree& tree, const Terms& terms, const Data& data, const Fit& fit, double* losses, double* residual_sums) {
    const int n = terms.n + 1;
    std::fill(residual_sums, residual_sums + n * data.targets, 0.0);
    std::fill(losses, losses + data.targets, 0.0);
    double total = 0.0, pair[4];
    double* r = residual_.data();
    for (int row = 0; row < data.padded; row += kBlock) {
        if (interrupted(row)) return false;
        run_terms(tree, terms, data, row, row == 0);
        for (int t = 0; t < data.targets; ++t) {
            residual(terms, data, row, t, fit.of[t], r);
            for (int k = 0; k < n; ++k) {
                const double* two[2] = {r, k < terms.n ? term_.data() + kBlock * k : ones(data) + row};
                std::fill(pair, pair + 4, 0.0);
                kernel_.gram(two, 2, kBlock, pair);
                residual_sums[t * n + k] += pair[1];
                if (k < terms.n) continue;
                losses[t] += pair[0];
                if (t == 0) total += pair[3];
            }
        }
    }
    for (int t = 0; t < data.targets; ++t) {
        losses[t] /= total;
        if (!std::isfinite(losses[t])) return false;
    }
    return true;
}

bool Evaluator::refine(const Tree& tree, const Terms& terms, const Data& data, const double* sums, Fit& fit) {
    double r[kMaxTargets * (kMaxTerms + 1)], before[kMaxTargets], after[kMaxTargets];
    if (!measure(tree, terms, data, fit, before, r)) return false;
    Fit better = fit;
    for (int t = 0; t < data.targets; ++t)
        refine_linear(sums, terms.n + 1 + data.targets, terms.n, r + t * (terms.n + 1), better.of[t]);
    const bool finite = measure(tree, terms, data, better, after, r);
    for (int t = 0; t < data.targets; ++t) {
        const bool gained = finite && after[t] < before[t];
        if (gained) fit.of[t] = better.of[t];
        fit.of[t].loss = gained ? after[t] : before[t];
    }
    return true;
}

void Evaluator::join(Fit& f) const {
    f.loss = f.fitness = 0.0;
    for (int t = 0; t < f.targets; ++t) {
        f.loss += f.of[t].loss / f.targets;
        f.fitness += std::log(f.of[t].loss + 1e-30) / f.targets;
    }
}

bool Evaluator::solve(const Terms& terms, const Data& data, const Fit* chosen, Fit& out, const double* sums) const {
    out.targets = data.targets;
    for (int t = 0; t < data.targets; ++t)
        if (!solve_linear(sums, terms.n + 1 + data.targets, terms.n, t, chosen ? chosen->of[t].used : nullptr,
                          chosen ? chosen->of[t].intercept : options_.intercept(), out.of[t]))
            return false;
    return true;
}

bool Evaluator::fit(const Tree& tree, const Terms& terms, const Data& data, const Fit* chosen, Fit& out, double* sums) {
    ++evaluations;
    reweighted_ = false;
    if (!sums_of(tree, terms, data, sums) || !solve(terms, data, chosen, out, sums)) return false;
    bool close = false;
    for (int t = 0; t < data.targets; ++t) {
        const double offset = data.mean[t] / data.spread[t];
        close |= out.of[t].loss < kNearlyExact + 1e-13 * offset * offset;
    }
    if (close && !refine(tree, terms, data, sums, out)) return false;
    if (options_.loss != Loss::Squares) return reweigh(tree, terms, data, out, sums);
    join(out);
    return true;
}

/// Drop what target after target does not pay for.
bool Evaluator::prune(Individual& individual, const Terms& terms, const Data& data, double* sums, Fit& f, double share, bool& dropped) {
    const int width = terms.n + 1 + data.targets;
    for (int t = 0; t < data.targets; ++t) {
        int used = 0;
        for (int k = 0; k < terms.n; ++k) used += f.of[t].used[k];
        for (;;) {
            const Linear& now = f.of[t];
            int least = -1;
            double cost = std::max(share * now.loss, 1e-22);
            if (used > 1 || (used == 1 && data.targets > 1))
                for (int k = 0; k < terms.n; ++k)
                    if (now.used[k] && now.cost[k] <= cost) { cost = now.cost[k]; least = k; }
            if (now.intercept && now.cost[terms.n] <= cost) least = terms.n;
            if (least < 0) break;
            Fit g = f;
            bool with[kMaxTerms];
            std::copy(now.used, now.used + kMaxTerms, with);
            if (least < terms.n) with[least] = false;
            if (!solve_linear(sums, width, terms.n, t, with, now.intercept && least < terms.n, g.of[t])) break;
            if ((now.loss < kNearlyExact || g.of[t].loss < kNearlyExact) && !refine(individual.tree, terms, data, sums, g)) return false;
            if (options_.loss != Loss::Squares) {  // the cost is that of squares
                if (!reweigh(individual.tree, terms, data, g, sums)) return false;
                if (!(g.of[t].loss <= now.loss * (1.0 + share) + 1e-22)) break;
            }
            if (least < terms.n) {
                --used;
                dropped = true;
            }
            f = g;
        }
    }
    if (options_.loss == Loss::Squares) join(f);
    return true;
}

bool Evaluator::assess(Individual& individual, const Data& data, bool pruned) {
    if (formula_template_) return formula_template_->assess(individual, data, pruned);
    const Terms terms = terms_of(individual.tree);
    double sums[kMaxWidth * kMaxWidth];
    Fit f;
    if (!fit(individual.tree, terms, data, nullptr, f, sums)) return false;
    // A term that pays less than the Bayesian information criterion asks for one parameter is dropped.
    const double share = pruned ? std::min(0.01, std::log(static_cast<double>(data.rows)) / data.rows) : 0.0;
    bool dropped = false;
    for (int k = 0; k < terms.n; ++k) {
        bool used = false;
        for (int t = 0; t < data.targets; ++t) used |= f.of[t].used[k];
        dropped |= !used;
    }
    if (!prune(individual, terms, data, sums, f, share, dropped)) return false;
    if (dropped && !select(individual, f)) return false;
    store(individual, f, data);
    return true;
}

bool Evaluator::thin(Individual& individual, const Data& data) {
    if (formula_template_) return formula_template_->thin(individual, data);
    const Terms terms = terms_of(individual.tree);
    double sums[kMaxWidth * kMaxWidth];
    Fit chosen, f;
    chosen.targets = data.targets;
    int left = 0;
    for (int t = 0; t < data.targets; ++t) {
        chosen.of[t].intercept = individual.fit[t].intercept;
        for (int k = 0; k < terms.n; ++k) left += chosen.of[t].used[k] = data.targets == 1 || individual.fit[t].coefficient[k] != 0.0;
    }
    if (!fit(individual.tree, terms, data, &chosen, f, sums)) return false;
    int at = -1, from = -1;
    double cost = 0.0;
    for (int t = 0; t < data.targets; ++t)
        for (int k = 0; k <= terms.n; ++k) {
            const Linear& own = f.of[t];
            if (k < terms.n ? !own.used[k] || left < 2 : !own.intercept) continue;
            const double rise = data.targets == 1 ? own.cost[k] : std::log1p(own.cost[k] / (own.loss + 1e-30));
            if (at < 0 || rise < cost) { cost = rise; at = k; from = t; }
        }
    if (at < 0) return false;
    if (at < terms.n) f.of[from].used[at] = false;
    else f.of[from].intercept = false;
    Fit g;
    if (!fit(individual.tree, terms, data, &f, g, sums) || !select(individual, g)) return false;
    store(individual, g, data);
    return true;
}

/// Leave out the terms that no target uses.
bool Evaluator::select(Individual& individual, Fit& f) {
    const int terms = terms_of(individual.tree).n;
    bool with[kMaxTerms] = {};
    int kept = 0;
    for (int k = 0; k < terms; ++k) {
        for (int t = 0; t < f.targets; ++t) with[k] |= f.of[t].used[k];
        kept += with[k];
    }
    if (kept == terms) return true;
    Tree smaller;
    if (!select_terms(individual.tree, with, smaller)) return false;
    for (int t = 0; t < f.targets; ++t) {
        int n = 0;
        for (int k = 0; k < terms; ++k)
            if (with[k]) f.of[t].coefficient[n++] = f.of[t].used[k] ? f.of[t].coefficient[k] : 0.0;
    }
    individual.tree = smaller;
    return true;
}

double Evaluator::criterion(const Individual& individual, const Data& data) {
    return individual.fitness + fitted_numbers(individual, data.spread) * std::log(static_cast<double>(data.rows)) / data.rows / data.targets;
}

void Evaluator::store(Individual& individual, const Fit& f, const Data& data) {
    individual.terms = terms_of(individual.tree).n;
    individual.targets = f.targets;
    for (int t = 0; t < f.targets; ++t) {
        std::copy(f.of[t].coefficient, f.of[t].coefficient + individual.terms, individual.fit[t].coefficient);
        individual.fit[t].constant = f.of[t].constant;
        individual.fit[t].intercept = f.of[t].intercept;
        individual.fit[t].loss = f.of[t].loss;
    }
    individual.loss = f.loss;
    individual.fitness = f.fitness;
    individual.criterion = criterion(individual, data);
    individual.complexity = complexity(individual, data, options_);
    individual.hash = hash(individual.tree, individual.tree.root());
}

void Evaluator::values(const Tree& tree, int root, const Data& data, double* out) {
    if (data.points > 0) return responses(tree, root, data, out);
    for (int row = 0; row < data.padded; row += kBlock)
        kernel_.forward(tree.nodes, tree.begin(root), root, data.columns.data(), static_cast<std::size_t>(row), slots_.data(),
                        where_, out + row, row == 0);
}

}  // namespace nde
