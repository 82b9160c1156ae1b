#include "template_fit.hpp"

#include <algorithm>
#include <cmath>

namespace nde {
namespace {

constexpr int kSteps = 12;

}  // namespace

bool function_formula(const Individual& m, int j, const Options& options, Tree& out) {
    Individual own;
    own.fit[0].constant = m.offset[j];
    int roots[kMaxTerms];
    const int n = m.tree.size ? term_roots(m.tree, roots) : 0;
    Tree chain;
    for (int k = 0; k < n; ++k) {
        if (options.formula_template.owner(m.tree, roots[k]) != j || m.fit[0].coefficient[k] == 0.0) continue;
        if (!chain.append(m.tree, roots[k]) || (own.terms > 0 && !chain.apply(Op::Add))) return false;
        own.fit[0].coefficient[own.terms++] = m.fit[0].coefficient[k];
    }
    if (own.terms == 0) {
        Tree number;
        number.constant(m.offset[j]);
        out = number;
        return true;
    }
    own.tree = chain;
    Data natural;
    natural.spread[0] = 1.0;
    return formula(own, 0, natural, options, out);
}

void inherit(Individual& child, const Individual& parent) {
    child.begun = parent.begun;
    if (!parent.begun) return;
    child.offsets = parent.offsets;
    std::copy_n(parent.offset, kMaxFunctions, child.offset);
    std::copy_n(parent.parameter, kMaxParameters, child.parameter);
    int own[kMaxTerms], others[kMaxTerms];
    const int n = term_roots(child.tree, own), m = term_roots(parent.tree, others);
    for (int k = 0; k < n; ++k) {
        child.fit[0].coefficient[k] = 0.0;
        for (int i = 0; i < m; ++i)
            if (hash(child.tree, own[k]) == hash(parent.tree, others[i])) child.fit[0].coefficient[k] = parent.fit[0].coefficient[i];
    }
}

TemplateFit::TemplateFit(const Kernel& kernel, const Options& options, const std::atomic<bool>* stop, std::uint64_t& evaluations)
    : kernel_(kernel),
      options_(options),
      stop_(stop),
      evaluations_(evaluations),
      slots_(static_cast<std::size_t>(kMaxNodes) * kBlock),
      adjoint_(static_cast<std::size_t>(kMaxNodes) * kBlock),
      known_slots_(static_cast<std::size_t>(kMaxNodes) * kBlock),
      known_adjoint_(static_cast<std::size_t>(kMaxNodes) * kBlock),
      term_(static_cast<std::size_t>(kMaxTerms) * kBlock),
      value_(static_cast<std::size_t>(kMaxFunctions) * kBlock),
      parameter_(static_cast<std::size_t>(kMaxParameters) * kBlock),
      slope_(static_cast<std::size_t>(kMaxFunctions) * kBlock),
      change_(static_cast<std::size_t>(kMaxParameters) * kBlock),
      residual_(kBlock),
      weight_(kBlock),
      prediction_(kBlock) {
    const FormulaTemplate& s = options.formula_template;
    for (int i = 0; i < s.tree.size; ++i)
        for (int k = s.tree.begin(i); k <= i; ++k)
            wanted_[i] |= s.tree.nodes[k].op == Op::Variable && s.tree.nodes[k].feature >= s.columns;
    columns_.resize(static_cast<std::size_t>(s.columns + s.functions + s.parameters));
}

TemplateFit::Layout TemplateFit::layout_of(const Individual& m) const {
    Layout at;
    if (m.tree.size == 0) return at;
    at.terms = term_roots(m.tree, at.root);
    for (int k = 0; k < at.terms; ++k) {
        at.begin[k] = m.tree.begin(at.root[k]);
        at.owner[k] = std::max(0, options_.formula_template.owner(m.tree, at.root[k]));
    }
    return at;
}

void TemplateFit::begin(Individual& m) const {
    if (m.begun) return;
    m.begun = true;
    m.offsets = (1 << options_.formula_template.functions) - 1;
    std::copy_n(options_.formula_template.offset, kMaxFunctions, m.offset);
    std::copy_n(options_.formula_template.parameter, kMaxParameters, m.parameter);
    std::fill_n(m.fit[0].coefficient, kMaxTerms, 0.0);
}

double& TemplateFit::unknown(Individual& m, int column, const int* inner) const {
    if (column < kMaxTerms) return m.fit[0].coefficient[column];
    if (column < kMaxTerms + kMaxFunctions) return m.offset[column - kMaxTerms];
    if (column < kMaxTerms + kMaxFunctions + kMaxParameters) return m.parameter[column - kMaxTerms - kMaxFunctions];
    return m.tree.nodes[inner[column - kMaxTerms - kMaxFunctions - kMaxParameters]].value;
}

/// Loss of one row with error e (in standard deviations), and the root of the weight it has in a squared loss.
double TemplateFit::penalty(double e, double& root_weight) const {
    switch (options_.loss) {
        case Loss::Absolute: root_weight = 1.0 / std::sqrt(std::max(e, 1e-9)); return e;
        case Loss::Huber:
            root_weight = e <= options_.huber ? 1.0 : std::sqrt(options_.huber / e);
            return e <= options_.huber ? e * e : options_.huber * (2.0 * e - options_.huber);
        default: root_weight = 1.0; return e * e;
    }
}

bool TemplateFit::known_part(const Data& data, int row, const double* const* values, bool fresh) {
    const FormulaTemplate& s = options_.formula_template;
    for (int k = 0; k < s.columns; ++k) columns_[static_cast<std::size_t>(k)] = data.columns[static_cast<std::size_t>(k)] + row;
    for (int j = 0; j < s.functions; ++j) columns_[static_cast<std::size_t>(s.value_of(j))] = values[j];
    for (int p = 0; p < s.parameters; ++p) columns_[static_cast<std::size_t>(s.parameter_at(p))] = parameter_.data() + kBlock * p;
    kernel_.forward(s.tree.nodes, 0, s.tree.root(), columns_.data(), 0, known_slots_.data(), known_where_, prediction_.data(), fresh);
    return true;
}

void TemplateFit::block(const Individual& m, const Layout& at, const Data& data, int row) {
    const FormulaTemplate& s = options_.formula_template;
    const double* values[kMaxFunctions];
    for (int k = 0; k < at.terms; ++k)
        kernel_.forward(m.tree.nodes, at.begin[k], at.root[k], data.columns.data(), static_cast<std::size_t>(row), slots_.data(), where_,
                        term_.data() + kBlock * k, row == 0);
    for (int j = 0; j < s.functions; ++j) {
        const double* use[kMaxTerms];
        double with[kMaxTerms];
        int n = 0;
        for (int k = 0; k < at.terms; ++k)
            if (at.owner[k] == j && m.fit[0].coefficient[k] != 0.0) {
                use[n] = term_.data() + kBlock * k;
                with[n++] = m.fit[0].coefficient[k];
            }
        double* v = value_.data() + kBlock * j;
        kernel_.combine(use, with, n, m.offset[j], kBlock, v);
        values[j] = v;
    }
    if (row == 0)
        for (int p = 0; p < s.parameters; ++p) std::fill_n(parameter_.data() + kBlock * p, kBlock, m.parameter[p]);
    known_part(data, row, values, row == 0);
}

/// Weighted residuals of a block, and the weights of derivatives; what the block adds to the objective.
double TemplateFit::errors(const Data& data, int row, double& objective, double& mass) {
    for (int r = 0; r < kBlock; ++r) {
        const double w = data.root_weight[static_cast<std::size_t>(row + r)];
        double root = 0.0, e = 0.0;
        if (w != 0.0) {
            e = data.y(0)[row + r] / w - prediction_[static_cast<std::size_t>(r)];
            e /= data.deviation;
            objective += w * w * penalty(std::fabs(e), root);
            mass += w * w;
        }
        weight_[static_cast<std::size_t>(r)] = w * root / data.deviation;
        residual_[static_cast<std::size_t>(r)] = w * root * e;
    }
    return objective;
}

/// Weighted derivatives of the known part by the values of the functions and by the parameters.
void TemplateFit::slopes(const Data& data, int row) {
    (void)data;
    (void)row;
    const FormulaTemplate& s = options_.formula_template;
    std::copy_n(weight_.data(), kBlock, known_adjoint_.data() + kBlock * s.tree.root());
    kernel_.reverse(s.tree.nodes, 0, s.tree.root(), known_where_, wanted_, known_adjoint_.data());
    std::fill_n(slope_.data(), kBlock * s.functions, 0.0);
    std::fill_n(change_.data(), kBlock * s.parameters, 0.0);
    for (int i = 0; i < s.tree.size; ++i) {
        const Node& n = s.tree.nodes[i];
        if (n.op != Op::Variable || n.feature < s.columns) continue;
        const int k = n.feature - s.columns;
        double* to = k < s.functions ? slope_.data() + kBlock * k : change_.data() + kBlock * (k - s.functions);
        const double* from = known_adjoint_.data() + kBlock * i;
        for (int r = 0; r < kBlock; ++r) to[r] += from[r];
    }
}

void TemplateFit::derivatives(const Individual& m, const Layout& at, const int* inner, int count) {
    unsigned char wanted[kMaxNodes] = {};
    for (int j = 0; j < count; ++j)
        for (int i = inner[j]; i < m.tree.size; ++i) wanted[i] |= m.tree.begin(i) <= inner[j];
    for (int k = 0; k < at.terms; ++k) {
        const double* slope = slope_.data() + kBlock * at.owner[k];
        kernel_.scale(term_.data() + kBlock * k, slope, kBlock);
        if (!wanted[at.root[k]]) continue;
        std::fill_n(adjoint_.data() + kBlock * at.root[k], kBlock, m.fit[0].coefficient[k]);
        kernel_.reverse(m.tree.nodes, at.begin[k], at.root[k], where_, wanted, adjoint_.data());
        for (int j = 0; j < count; ++j)
            if (at.begin[k] <= inner[j] && inner[j] <= at.root[k]) kernel_.scale(adjoint_.data() + kBlock * inner[j], slope, kBlock);
    }
}

bool TemplateFit::pass(const Individual& m, const Data& data, const int* inner, int count, Pass& out) {
    ++evaluations_;
    const FormulaTemplate& s = options_.formula_template;
    const Layout at = layout_of(m);
    const double* columns[kMost + 1];
    out.n = 0;
    const auto column = [&](int which, const double* values) {
        out.column[out.n] = which;
        columns[out.n++] = values;
    };
    for (int k = 0; k < at.terms; ++k) column(k, term_.data() + kBlock * k);
    for (int j = 0; j < s.functions; ++j)
        if (m.offsets & (1 << j)) column(kMaxTerms + j, slope_.data() + kBlock * j);
    for (int p = 0; p < s.parameters; ++p) column(kMaxTerms + kMaxFunctions + p, change_.data() + kBlock * p);
    for (int j = 0; j < count; ++j) column(kMaxTerms + kMaxFunctions + kMaxParameters + j, adjoint_.data() + kBlock * inner[j]);
    columns[out.n] = residual_.data();
    const int n = out.n + 1;
    double sums[(kMost + 1) * (kMost + 1)];
    std::fill_n(sums, n * n, 0.0);
    double objective = 0.0, mass = 0.0;
    for (int row = 0; row < data.padded; row += kBlock) {
        if (((row / kBlock) & 3) == 3 && stopped()) return false;
        block(m, at, data, row);
        if (!std::isfinite(errors(data, row, objective, mass))) return false;
        slopes(data, row);
        derivatives(m, at, inner, count);
        kernel_.gram(columns, n, kBlock, sums);
    }
    out.loss = objective / mass;
    out.mass = mass;
    for (int i = 0; i < out.n; ++i) {
        for (int j = i; j < out.n; ++j) out.a[i * out.n + j] = sums[i * n + j];
        out.b[i] = sums[i * n + out.n];
        if (!std::isfinite(out.b[i]) || !(out.a[i * out.n + i] < 1e250)) return false;
        for (int j = i; j < out.n; ++j)
            if (!std::isfinite(out.a[i * out.n + j])) return false;
    }
    return std::isfinite(out.loss);
}

bool TemplateFit::fit(Individual& m, const Data& data, const int* inner, int count, int steps, Pass& now) {
    if (!pass(m, data, inner, count, now)) return false;
    double damping = 1e-11, move[kMost];
    int refused = 0;
    for (int step = 0; step < steps && !stopped() && refused < 5 && now.loss > 1e-29; ++step) {
        bool better = false;
        Pass next;
        Individual trial = m;
        if (solve_damped(now.a, now.b, now.n, damping, move)) {
            double gain = 0.0;
            for (int i = 0; i < now.n; ++i) gain += now.b[i] * move[i];
            if (gain < 1e-9 * now.loss * now.mass && (now.loss > 1e-10 || refused > 0)) break;
            bool finite = true;
            for (int i = 0; i < now.n; ++i) finite &= std::isfinite(unknown(trial, now.column[i], inner) += move[i]);
            better = finite && pass(trial, data, inner, count, next) && next.loss < now.loss;
        }
        if (!better) {
            damping = std::max(30.0 * damping, 1e-5);
            ++refused;
            continue;
        }
        const bool settled = next.loss > now.loss * (1.0 - 1e-7);
        m = trial;
        now = next;
        damping = std::max(damping * 0.05, 1e-12);
        refused = 0;
        if (settled) break;
    }
    return true;
}

void TemplateFit::store(Individual& m, const Data& data, double loss) const {
    const Layout at = layout_of(m);
    m.terms = at.terms;
    m.targets = 1;
    m.loss = m.fit[0].loss = loss;
    m.fitness = std::log(loss + 1e-30);
    m.complexity = complexity(m, data, options_);
    m.hash = m.tree.size ? hash(m.tree, m.tree.root()) : 0;
    int numbers = options_.formula_template.parameters;
    for (int j = 0; j < options_.formula_template.functions; ++j) numbers += m.offset[j] != 0.0;
    for (int k = 0; k < m.terms; ++k) numbers += std::fabs(std::fabs(m.fit[0].coefficient[k]) - 1.0) > 1e-9;
    for (int i = 0; i < m.tree.size; ++i) numbers += m.tree.nodes[i].op == Op::Constant && m.tree.nodes[i].value != std::round(m.tree.nodes[i].value);
    m.criterion = m.fitness + numbers * std::log(static_cast<double>(data.rows)) / data.rows;
}

/// Drop the term or constant part that pays least, if it pays less than `limit` or by force, and fit the others again.
bool TemplateFit::drop(Individual& m, const Data& data, const Pass& now, double limit, bool force) {
    double e[kMost] = {}, x[kMost];
    int least = -1;
    double cost = INFINITY;
    const Layout at = layout_of(m);
    for (int i = 0; i < now.n; ++i) {
        const int which = now.column[i];
        if (which >= kMaxTerms + kMaxFunctions || (which < kMaxTerms && at.terms < 2)) continue;
        e[i] = 1.0;
        const bool solved = solve_damped(now.a, e, now.n, 1e-12, x);
        e[i] = 0.0;
        Individual copy = m;
        const double v = unknown(copy, which, nullptr);
        // what depends on the others to rounding can go at no cost
        const bool free = solved && x[i] * now.a[i * now.n + i] > 1e9;
        const double pays = !solved || !(x[i] > 0.0) ? INFINITY : free ? 0.0 : v * v / x[i] / now.mass;
        if (pays < cost) { cost = pays; least = i; }
    }
    if (least < 0 || (!force && !(cost <= limit))) return false;
    const int which = now.column[least];
    Individual smaller = m;
    if (which >= kMaxTerms) {
        smaller.offsets &= ~(1 << (which - kMaxTerms));
        smaller.offset[which - kMaxTerms] = 0.0;
    } else {
        bool keep[kMaxTerms];
        int n = 0;
        for (int k = 0; k < at.terms; ++k) {
            keep[k] = k != which;
            if (keep[k]) smaller.fit[0].coefficient[n++] = m.fit[0].coefficient[k];
        }
        if (!select_terms(m.tree, keep, smaller.tree)) return false;
    }
    Pass after;
    if (!fit(smaller, data, nullptr, 0, kSteps, after)) return false;
    if (!force && !(after.loss <= now.loss + 2.0 * limit)) return false;
    store(smaller, data, after.loss);
    m = smaller;
    return true;
}

bool TemplateFit::assess(Individual& individual, const Data& data, bool prune) {
    begin(individual);
    Pass now;
    if (!fit(individual, data, nullptr, 0, kSteps, now)) return false;
    const double share = prune ? std::min(0.01, std::log(static_cast<double>(data.rows)) / data.rows) : 0.0;
    for (int k = 0; k < kMaxTerms + kMaxFunctions; ++k) {
        if (!drop(individual, data, now, std::max(share * now.loss, 1e-22), false)) break;
        if (!pass(individual, data, nullptr, 0, now)) return false;
    }
    store(individual, data, now.loss);
    return true;
}

bool TemplateFit::thin(Individual& individual, const Data& data) {
    Pass now;
    return individual.begun && pass(individual, data, nullptr, 0, now) && drop(individual, data, now, 0.0, true);
}

bool TemplateFit::optimise_constants(Individual& individual, const Data& data, int steps, bool keep_exponents) {
    begin(individual);
    int inner[kMostInner], count = 0;
    for (int i = 0; i < individual.tree.size && count < kMostInner; ++i)
        if (individual.tree.nodes[i].op == Op::Constant && !(keep_exponents && i < individual.tree.root() && individual.tree.nodes[i + 1].op == Op::Power)) inner[count++] = i;
    Individual better = individual;
    Pass now;
    if (!fit(better, data, inner, count, steps, now) || !(now.loss < individual.loss)) return false;
    store(better, data, now.loss);
    individual = better;
    return true;
}

double TemplateFit::loss_of(const Individual& m, const Data& data) {
    const Layout at = layout_of(m);
    double objective = 0.0, mass = 0.0;
    for (int row = 0; row < data.padded; row += kBlock) {
        if (((row / kBlock) & 3) == 3 && stopped()) return INFINITY;
        block(m, at, data, row);
        errors(data, row, objective, mass);
    }
    return std::isfinite(objective) ? objective / mass : INFINITY;
}

double TemplateFit::loss_of(const Written& w, const Data& data) {
    const FormulaTemplate& s = options_.formula_template;
    double objective = 0.0, mass = 0.0;
    const double* values[kMaxFunctions];
    for (int p = 0; p < s.parameters; ++p) std::fill_n(parameter_.data() + kBlock * p, kBlock, w.parameters[static_cast<std::size_t>(p)]);
    for (int row = 0; row < data.padded; row += kBlock) {
        if (((row / kBlock) & 3) == 3 && stopped()) return INFINITY;
        for (int j = 0; j < s.functions; ++j) {
            const Tree& t = w.functions[static_cast<std::size_t>(j)];
            double* v = value_.data() + kBlock * j;
            kernel_.forward(t.nodes, 0, t.root(), data.columns.data(), static_cast<std::size_t>(row), slots_.data(), where_, v, true);
            values[j] = v;
        }
        known_part(data, row, values, row == 0);
        errors(data, row, objective, mass);
    }
    return std::isfinite(objective) ? objective / mass : INFINITY;
}

bool TemplateFit::linearise(const Individual* individual, const Data& data, std::vector<Buffer>& columns, Buffer& residual) {
    const FormulaTemplate& s = options_.formula_template;
    Individual m;
    if (individual) m = *individual;
    begin(m);
    const Layout at = layout_of(m);
    const int n = at.terms + s.functions + s.parameters;
    columns.clear();
    for (int k = 0; k < n; ++k) columns.emplace_back(static_cast<std::size_t>(data.padded));
    residual = Buffer(static_cast<std::size_t>(data.padded));
    double objective = 0.0, mass = 0.0;
    for (int row = 0; row < data.padded; row += kBlock) {
        block(m, at, data, row);
        if (!std::isfinite(errors(data, row, objective, mass))) return false;
        slopes(data, row);
        derivatives(m, at, nullptr, 0);
        for (int k = 0; k < n; ++k) {
            const double* from = k < at.terms                ? term_.data() + kBlock * k
                                 : k < at.terms + s.functions ? slope_.data() + kBlock * (k - at.terms)
                                                              : change_.data() + kBlock * (k - at.terms - s.functions);
            std::copy_n(from, kBlock, columns[static_cast<std::size_t>(k)].data() + row);
        }
        std::copy_n(residual_.data(), kBlock, residual.data() + row);
    }
    return true;
}

void TemplateFit::find_start(const Data& data, FormulaTemplate& formula_template) {
    Random random(options_.seed, 0x57A7);
    Individual best;
    double least = INFINITY;
    for (int attempt = 0; attempt < 24 && !stopped(); ++attempt) {
        Individual m;
        begin(m);
        for (int j = 0; j < formula_template.functions; ++j) {
            const double v = attempt == 0 ? 1.0 : attempt == 1 ? data.mean[0] : std::exp(random.normal() * 1.5) * (random.chance(0.3) ? -1.0 : 1.0);
            m.offset[j] = v;
        }
        for (int p = 0; p < formula_template.parameters && attempt > 1; ++p) m.parameter[p] *= std::exp(random.normal() * 1.5) * (random.chance(0.1) ? -1.0 : 1.0);
        Pass now;
        if (!fit(m, data, nullptr, 0, 25, now) || !(now.loss < least * (1.0 - 1e-6))) continue;
        bool tame = true;
        for (int j = 0; j < formula_template.functions; ++j) tame &= std::fabs(m.offset[j]) < 1e12;
        for (int p = 0; p < formula_template.parameters; ++p) tame &= std::fabs(m.parameter[p]) < 1e12;
        if (!tame) continue;
        least = now.loss;
        best = m;
    }
    if (!std::isfinite(least)) return;
    std::copy_n(best.offset, kMaxFunctions, formula_template.offset);
    std::copy_n(best.parameter, kMaxParameters, formula_template.parameter);
}

}  // namespace nde
