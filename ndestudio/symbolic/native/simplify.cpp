#include "simplify.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace nde {
namespace {

constexpr double kPi = 3.14159265358979323846;

/// One formula on its way.
struct Draft {
    Tree formula;
    double loss = 0.0;
    int complexity = 0;
};

bool measure_written(int target, const Data& data, Evaluator& e, Draft& out) {
    if (!formula_permitted(out.formula, data.first + target, e.options())) return false;
    out.loss = e.formula_loss(&out.formula, target, 1, data);
    out.complexity = complexity(out.formula, out.formula.root(), e.options());
    return std::isfinite(out.loss);
}

bool measure_formula(const Form& f, int target, const Data& data, Evaluator& e, Draft& out) {
    const Form s = shortest(f, e.options());
    return write(s, e.options(), true, out.formula) && measure_written(target, data, e, out);
}

Form explicit_form(const Individual& m, int target, double spread) {
    int roots[kMaxTerms];
    const int n = term_roots(m.tree, roots);
    std::vector<Form> parts;
    std::vector<double> with;
    for (int k = 0; k < n; ++k) {
        if (m.fit[target].coefficient[k] == 0.0) continue;
        parts.push_back(form_of(m.tree, roots[k]));
        with.push_back(m.fit[target].coefficient[k] * spread);
    }
    return sum(parts, with, m.fit[target].constant * spread);
}

bool try_value(Draft& best, int i, double v, double limit, int target, const Data& data, Evaluator& e) {
    Tree t = best.formula;
    t.nodes[i].value = v;
    if (!formula_permitted(t, data.first + target, e.options())) return false;
    const double loss = e.formula_loss(&t, target, 1, data);
    if (!(loss <= limit)) return false;
    best.formula = t;
    best.loss = loss;
    return true;
}

/// Put plain values in the place of constants, once; whether any was put.
bool snap(Draft& best, double start, int target, const Data& data, Evaluator& e) {
    bool changed = false;
    for (int i = 0; i < best.formula.size && !e.stopped(); ++i) {
        if (best.formula.nodes[i].op != Op::Constant) continue;
        const bool exponent = i + 1 < best.formula.size && best.formula.nodes[i + 1].op == Op::Power;
        if (exponent && !e.options().allows(Op::Power)) continue;  // a repeated product
        const double v = best.formula.nodes[i].value;
        for (double w : {0.0, 1.0, -1.0, 2.0}) {
            if (v == w || std::fabs(v - w) > 0.1 * std::max(1e-3, std::fabs(v)) + (w == 0.0 ? 1e-2 : 0.0)) continue;
            if (try_value(best, i, w, snapped_loss(start, data.rows, w != 2.0), target, data, e)) { changed = true; break; }
        }
        if (best.formula.nodes[i].value != v) continue;
        for (double w : plain_values(v))
            if (try_value(best, i, w, snapped_loss(start, data.rows, false), target, data, e)) { changed = true; break; }
    }
    return changed;
}

bool simplify_target(const Individual& individual, int target, const Data& data, Evaluator& e, Draft& out) {
    Draft best;
    const auto fits = [&] { return data.targets > 1 || best.complexity <= e.options().max_size; };
    if (!(measure_formula(explicit_form(individual, target, data.spread[target]), target, data, e, best) && fits()) &&
        !(formula(individual, target, data, e.options(), best.formula) && measure_written(target, data, e, best) && fits()))
        return false;
    const double start = best.loss;
    for (int round = 0; round < 3 && !e.stopped(); ++round) {
        if (!snap(best, start, target, data, e)) break;
        Draft again;
        if (!measure_formula(form_of(best.formula, best.formula.root()), target, data, e, again) ||
            !(again.loss <= std::max(best.loss * (1.0 + 1e-6), 1e-25)) || again.complexity > best.complexity)
            break;
        best = again;
    }
    out = best;
    return true;
}

/// Plain values for the constants inside the terms, which the targets share; the coefficients follow.
Individual snap_shared(const Individual& individual, const Data& data, Evaluator& e) {
    Individual best = individual;
    for (int i = 0; i < best.tree.size && !e.stopped(); ++i) {
        if (best.tree.nodes[i].op != Op::Constant) continue;
        for (double w : plain_values(best.tree.nodes[i].value)) {
            Individual m = best;
            m.tree.nodes[i].value = w;
            if (!e.assess(m, data, false) || m.tree.size != best.tree.size) continue;
            bool fits = true;
            for (int t = 0; t < data.targets; ++t) fits &= m.fit[t].loss <= snapped_loss(individual.fit[t].loss, data.rows, false);
            if (!fits) continue;
            best = m;
            break;
        }
    }
    return best;
}

}  // namespace

std::vector<double> plain_values(double v) {
    std::vector<double> out;
    const auto near = [&](double w) {
        if (w != v && std::fabs(w - v) <= 0.02 * std::fabs(v)) out.push_back(w);
    };
    near(std::round(v));
    near(std::round(v * 2.0) / 2.0);
    near(std::round(v * 3.0) / 3.0);
    near(std::round(v * 4.0) / 4.0);
    if (std::fabs(v) < 1.0 && v != 0.0) near(1.0 / std::round(1.0 / v));
    for (double k : {1.0, 2.0, 3.0, 4.0, 6.0}) {
        near(std::round(v / kPi * k) / k * kPi);
    }
    if (v != 0.0) {
        const double e = std::floor(std::log10(std::fabs(v)));
        for (int digits = 1; digits <= 12; ++digits) {
            const double scale = std::pow(10.0, digits - 1 - e);
            const double w = std::isfinite(scale) && scale > 0.0 ? std::round(v * scale) / scale : v;
            near(w);
        }
    }
    return out;
}

double snapped_loss(double loss, int rows, bool whole) {
    const double nats = whole ? 0.5 * std::log(static_cast<double>(rows)) : 0.25;
    return std::max(loss * (1.0 + 2.0 * nats / rows), 1e-25);
}

bool simplify_individual(const Individual& individual, const Data& data, Evaluator& e, Simplified& out) {
    if (e.formula_template()) return simplify_template(individual, data, e, out);
    const Individual snapped = data.targets > 1 ? snap_shared(individual, data, e) : individual;
    out = Simplified{};
    int numbers = 0;
    for (int t = 0; t < data.targets; ++t) {
        Draft d;
        if (!simplify_target(snapped, t, data, e, d)) return false;
        out.formulas.push_back(d.formula);
        for (int i = 0; i < d.formula.size; ++i) {
            const Node& n = d.formula.nodes[i];
            numbers += n.op == Op::Constant && (n.value != std::round(n.value) || std::fabs(n.value) > 9.0);
        }
        out.criterion += std::log(d.loss + 1e-30) / data.targets;
    }
    out.criterion += numbers * std::log(static_cast<double>(data.rows)) / data.rows / data.targets;
    out.complexity = joint_complexity(out.formulas.data(), data.targets, e.options());
    return measure(out, data, e);
}

bool measure(Simplified& t, const Data& data, Evaluator& e) {
    if (e.formula_template()) {
        t.loss = e.formula_template()->loss_of(t.written, data);
        t.losses = {t.loss};
        return std::isfinite(t.loss);
    }
    t.losses.resize(t.formulas.size());
    t.loss = e.formula_loss(t.formulas.data(), 0, static_cast<int>(t.formulas.size()), data, t.losses.data());
    return std::isfinite(t.loss);
}

bool simplify(const Tree& tree, const Options& options, bool expand, Tree& out) {
    Form f = form_of(tree, tree.root());
    f = expand ? expanded(f) : f;
    if (f.is_number()) return false;
    Tree t;
    if (!write(f, options, false, t)) return false;
    return normalise(t, options.terms, out);
}

bool imitates(const Tree& tree, const Data& data) {
    constexpr int kRows = 16;
    std::vector<double> row(static_cast<std::size_t>(data.features));
    double square[kMaxNodes] = {};
    double mean[kMaxNodes] = {};
    for (int r = 0; r < kRows; ++r) {
        const int at = static_cast<int>(static_cast<long long>(data.samples() - 1) * r / (kRows - 1));
        for (int k = 0; k < data.features; ++k) row[static_cast<std::size_t>(k)] = data.columns[static_cast<std::size_t>(k)][at];
        for (int i = 0; i < tree.size; ++i) {
            const double v = value_at(tree, i, row.data());
            square[i] += v * v;
            mean[i] += v / kRows;
        }
    }
    for (int i = 0; i < tree.size; ++i) {
        const Op op = tree.nodes[i].op;
        if (op == Op::Add || op == Op::Subtract) {
            const double most = std::max(square[tree.left(i)], square[i - 1]);
            if (square[i] < 1e-6 * most) return true;
        }
        if (op == Op::Sin || op == Op::Cos || op == Op::Tan || op == Op::Tanh || op == Op::Exp) {
            const double spread = square[i - 1] / kRows - mean[i - 1] * mean[i - 1];
            if (spread < 1e-4 && has_constant(tree, i - 1)) return true;
        }
    }
    return false;
}

bool offer(HallOfFame& hall_of_fame, const Individual& m, const Data& data, Evaluator& e) {
    if (!hall_of_fame.would_take(m) || imitates(m.tree, data) || !presentable(m, data, e.options())) return false;
    hall_of_fame.offer(m);
    Individual simpler = m;
    while (!e.stopped() && e.thin(simpler, data))
        if (presentable(simpler, data, e.options())) hall_of_fame.offer(simpler);
    return true;
}

bool reduce(Individual& m, const Data& data, Evaluator& e, HallOfFame& hall_of_fame) {
    const double limit = std::max(m.loss * (1.0 + 1.0 / data.rows), e.options().target);
    Individual found;
    bool any = false;
    const auto consider = [&](const Tree& raw) {
        Individual t;
        if (!normalise(raw, e.options().terms, t.tree) || !permitted(t.tree, e.options())) return;
        if (e.formula_template()) inherit(t, m);
        if (!e.assess(t, data)) return;
        if (t.loss > limit && t.loss < 100.0 * limit + 1e-6 && e.optimise_constants(t, data, 10)) e.assess(t, data);
        if (t.complexity > e.options().max_size) return;
        offer(hall_of_fame, t, data, e);
        if (t.loss <= limit && t.complexity < m.complexity && (!any || t.complexity < found.complexity)) {
            found = t;
            any = true;
        }
    };
    Tree raw;
    if (simplify(m.tree, e.options(), false, raw)) consider(raw);
    for (int i = m.tree.root(); i >= 0 && !e.stopped(); --i) {
        const Op op = m.tree.nodes[i].op;
        if (arity(op) == 0) continue;
        if (replace(m.tree, i, m.tree, i - 1, raw)) consider(raw);
        if (arity(op) == 2 && replace(m.tree, i, m.tree, m.tree.left(i), raw)) consider(raw);
        if (m.tree.nodes[i].length < 4) continue;
        Tree one;
        one.constant(1.0);
        if (replace(m.tree, i, one, 0, raw)) consider(raw);
    }
    if (any) m = found;
    return any;
}

}  // namespace nde
