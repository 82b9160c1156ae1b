#include "individual.hpp"

#include <cmath>
#include <unordered_set>

#include "dimension.hpp"
#include "template_fit.hpp"

namespace nde {

int term_roots(const Tree& tree, int* roots) {
    int n = 0, i = tree.root();
    int back[kMaxNodes];
    while (tree.nodes[i].op == Op::Add && n < kMaxTerms - 1) {
        back[n++] = i - 1;
        i = tree.left(i);
    }
    back[n++] = i;
    for (int k = 0; k < n; ++k) roots[k] = back[n - 1 - k];
    return n;
}

namespace {

/// Multiply the last two subtrees; x * x is kept as a square, the same value with fewer nodes.
bool multiply(Tree& out) {
    const int right = out.root(), left = out.left(right + 1);
    if (!same(out, left, out, right)) return out.apply(Op::Multiply);
    out.size = left + 1;
    return out.apply(Op::Square);
}

/// Copy the subtree, evaluating whatever holds no variable and undoing double negation.
bool fold(const Tree& in, int i, Tree& out) {
    const Node& n = in.nodes[i];
    if (arity(n.op) == 0) return out.push(n);
    const int start = out.size;
    if (arity(n.op) == 2) {
        if (!fold(in, in.left(i), out)) return false;
    }
    const int middle = out.size;
    if (!fold(in, i - 1, out)) return false;
    const bool right_number = out.size == middle + 1 && out.nodes[middle].op == Op::Constant;
    if (arity(n.op) == 1) {
        if (right_number) {
            if (!out.apply(n.op)) return false;
            const double v = value_at(out, out.root(), nullptr);
            out.size = start;
            return std::isfinite(v) && out.constant(v);
        }
        if (n.op == Op::Negate && out.nodes[out.root()].op == Op::Negate) {
            --out.size;
            return true;
        }
        return out.apply(n.op);
    }
    const bool left_number = middle == start + 1 && out.nodes[start].op == Op::Constant;
    if (left_number && right_number) {
        if (!out.apply(n.op)) return false;
        const double v = value_at(out, out.root(), nullptr);
        out.size = start;
        return std::isfinite(v) && out.constant(v);
    }
    if (right_number && n.op == Op::Subtract) {
        out.nodes[middle].value = -out.nodes[middle].value;
        return out.apply(Op::Add);
    }
    return n.op == Op::Multiply ? multiply(out) : out.apply(n.op);
}

/// Copy a term without its constant factors.
bool strip(const Tree& in, int i, Tree& out) {
    const Node& n = in.nodes[i];
    switch (n.op) {
        case Op::Negate: return strip(in, i - 1, out);
        case Op::Multiply:
            if (!has_variable(in, i - 1)) return strip(in, in.left(i), out);
            if (!has_variable(in, in.left(i))) return strip(in, i - 1, out);
            return strip(in, in.left(i), out) && strip(in, i - 1, out) && multiply(out);
        case Op::Divide:
            if (!has_variable(in, i - 1)) return strip(in, in.left(i), out);
            if (!has_variable(in, in.left(i))) return strip(in, i - 1, out) && out.apply(Op::Inverse);
            return strip(in, in.left(i), out) && strip(in, i - 1, out) && out.apply(Op::Divide);
        case Op::Square:
        case Op::Cube:
        case Op::Inverse:
        case Op::Abs: return strip(in, i - 1, out) && out.apply(n.op);
        default: return fold(in, i, out);
    }
}

void chain(const Tree& in, int i, int* roots, int& n) {
    switch (in.nodes[i].op) {
        case Op::Add:
        case Op::Subtract:
            chain(in, in.left(i), roots, n);
            chain(in, i - 1, roots, n);
            return;
        case Op::Negate: chain(in, i - 1, roots, n); return;
        case Op::Multiply:
            if (!has_variable(in, i - 1)) return chain(in, in.left(i), roots, n);
            if (!has_variable(in, in.left(i))) return chain(in, i - 1, roots, n);
            break;
        case Op::Divide:
            if (!has_variable(in, i - 1)) return chain(in, in.left(i), roots, n);
            break;
        default: break;
    }
    if (has_variable(in, i)) roots[n++] = i;
}

}  // namespace

bool normalise(const Tree& tree, int limit, Tree& out) {
    int roots[kMaxNodes], n = 0;
    chain(tree, tree.root(), roots, n);
    if (n == 0) return false;
    Tree result;
    std::uint64_t seen[kMaxTerms];
    int kept = 0;
    for (int k = 0; k < n && kept < limit; ++k) {
        const int start = result.size;
        if (!strip(tree, roots[k], result)) return false;
        // a square of a sum, say, may have become a chain of its own only through folding: leave it as one term
        if (result.nodes[result.root()].op == Op::Constant) {
            result.size = start;
            continue;
        }
        const std::uint64_t h = hash(result, result.root());
        bool repeated = false;
        for (int j = 0; j < kept; ++j) repeated |= seen[j] == h;
        if (repeated) {
            result.size = start;
            continue;
        }
        seen[kept++] = h;
        if (kept > 1 && !result.apply(Op::Add)) return false;
    }
    if (kept == 0) return false;
    out = result;
    return true;
}

bool select_terms(const Tree& tree, const bool* keep, Tree& out) {
    int roots[kMaxTerms];
    const int n = term_roots(tree, roots);
    Tree result;
    int kept = 0;
    for (int k = 0; k < n; ++k) {
        if (!keep[k]) continue;
        if (!result.append(tree, roots[k])) return false;
        if (kept++ && !result.apply(Op::Add)) return false;
    }
    if (kept == 0) return false;
    out = result;
    return true;
}

int complexity(const Tree& tree, int i, const Options& options) {
    int sum = 0;
    for (int k = tree.begin(i); k <= i; ++k) {
        const Op op = tree.nodes[k].op;
        // x^2^2 is written x^4
        if (op == Op::Square && (tree.nodes[k - 1].op == Op::Square || tree.nodes[k - 1].op == Op::Cube)) continue;
        if (op == Op::Cube && tree.nodes[k - 1].op == Op::Square) continue;
        sum += options.cost[index(op)];
    }
    return sum;
}

namespace {

bool is_one(double c) { return std::fabs(std::fabs(c) - 1.0) < 1e-9; }

}  // namespace

int complexity(const Individual& m, const Data& data, const Options& options) {
    if (options.formula_template.active()) {
        int sum = 0;
        for (int j = 0; j < options.formula_template.functions; ++j) {
            Tree t;
            sum += function_formula(m, j, options, t) ? complexity(t, t.root(), options) : 10000;
        }
        return sum;
    }
    int roots[kMaxTerms];
    const int n = term_roots(m.tree, roots);
    bool counted[kMaxTerms] = {};
    int sum = 0;
    for (int t = 0; t < m.targets; ++t) {
        int joined = 0;
        for (int k = 0; k < n; ++k) {
            const double c = m.fit[t].coefficient[k] * data.spread[t];
            if (c == 0.0) continue;
            const bool inverse = m.tree.nodes[roots[k]].op == Op::Inverse;
            const bool hidden = is_one(c) && !carries_dimension(m.tree, roots[k], n, data.first + t, options);
            sum += counted[k] ? options.cost[index(Op::Variable)] : complexity(m.tree, roots[k], options);
            if (inverse && !counted[k] && !hidden) sum += options.cost[index(Op::Divide)] + options.cost[index(Op::Constant)] - options.cost[index(Op::Inverse)];
            else if (!hidden) sum += options.cost[index(Op::Multiply)] + options.cost[index(Op::Constant)];
            counted[k] = true;
            ++joined;
        }
        if (m.fit[t].constant != 0.0) {
            sum += options.cost[index(Op::Constant)];
            ++joined;
        }
        if (joined > 1) sum += (joined - 1) * options.cost[index(Op::Add)];
    }
    return sum;
}

int joint_complexity(const Tree* formulas, int n, const Options& options) {
    std::unordered_set<std::uint64_t> seen;
    int sum = 0;
    for (int t = 0; t < n; ++t) {
        sum += complexity(formulas[t], formulas[t].root(), options);
        Tree terms;
        int roots[kMaxTerms];
        if (!normalise(formulas[t], kMaxTerms, terms)) continue;
        const int count = term_roots(terms, roots);
        for (int k = 0; k < count; ++k)
            if (!seen.insert(hash(terms, roots[k])).second) sum -= complexity(terms, roots[k], options) - options.cost[index(Op::Variable)];
    }
    return sum;
}

int fitted_numbers(const Individual& m, const double* spread) {
    int n = 0;
    for (int t = 0; t < m.targets; ++t) {
        n += m.fit[t].constant != 0.0;
        for (int k = 0; k < m.terms; ++k) n += m.fit[t].coefficient[k] != 0.0 && !is_one(m.fit[t].coefficient[k] * spread[t]);
    }
    for (int i = 0; i < m.tree.size; ++i)
        n += m.tree.nodes[i].op == Op::Constant && m.tree.nodes[i].value != std::round(m.tree.nodes[i].value);
    return n;
}

bool formula(const Individual& m, int target, const Data& data, const Options& options, Tree& out) {
    const Fitted& fit = m.fit[target];
    const double spread = data.spread[target];
    int roots[kMaxTerms];
    const int n = term_roots(m.tree, roots);
    Tree result;
    int joined = 0;
    for (int sign = 1; sign >= -1; sign -= 2) {  // positive coefficients first
        for (int k = 0; k < n; ++k) {
            double c = fit.coefficient[k] * spread;
            if (c == 0.0 || (c > 0.0) != (sign > 0)) continue;
            const bool minus = c < 0.0 && joined > 0;
            if (minus) c = -c;
            const bool inverse = m.tree.nodes[roots[k]].op == Op::Inverse;
            if (inverse) {
                if (!result.constant(is_one(c) ? std::round(c) : c) || !result.append(m.tree, roots[k] - 1) || !result.apply(Op::Divide)) return false;
            } else if (is_one(c) && !carries_dimension(m.tree, roots[k], n, data.first + target, options)) {
                if (!result.append(m.tree, roots[k])) return false;
                if (c < 0.0 && !result.apply(Op::Negate)) return false;
            } else {
                if (!result.constant(is_one(c) ? std::round(c) : c) || !result.append(m.tree, roots[k]) || !result.apply(Op::Multiply)) return false;
            }
            if (joined++ && !result.apply(minus ? Op::Subtract : Op::Add)) return false;
        }
    }
    const double c = fit.constant * spread;
    if (c != 0.0 || joined == 0) {
        if (!result.constant(c < 0.0 && joined ? -c : c)) return false;
        if (joined && !result.apply(c < 0.0 ? Op::Subtract : Op::Add)) return false;
    }
    out = result;
    return true;
}

namespace {

/// Operators as a reader sees them: 1/x counts as a division too, x^2 and x^3 as powers.
Op seen_as(Op op) {
    return op == Op::Inverse ? Op::Divide : op == Op::Square || op == Op::Cube ? Op::Power : op;
}

bool arguments_fit(const Tree& tree, int i, const Options& options) {
    const Op op = tree.nodes[i].op;
    for (int a = 0; a < arity(op); ++a) {
        const int child = arity(op) == 2 && a == 0 ? tree.left(i) : i - 1;
        int limit = options.argument_limit[index(op)][a];
        if (seen_as(op) != op) {
            const int other = options.argument_limit[index(seen_as(op))][op == Op::Inverse ? 1 : 0];
            if (limit < 0 || (other >= 0 && other < limit)) limit = other;
        }
        if (limit >= 0 && complexity(tree, child, options) > limit) return false;
    }
    return true;
}

/// How often `inner` stands within itself below node i, i left out.
int nested_within(const Tree& tree, int i, int inner) {
    int deepest = 0, nested[kMaxNodes];
    for (int k = tree.begin(i); k < i; ++k) {
        const Op op = tree.nodes[k].op;
        const int m = arity(op);
        nested[k] = 0;
        if (m >= 1) nested[k] = nested[tree.first(k)];
        if (m == 2 && nested[k - 1] > nested[k]) nested[k] = nested[k - 1];
        nested[k] += index(op) == inner || index(seen_as(op)) == inner;
        if (nested[k] > deepest) deepest = nested[k];
    }
    return deepest;
}

bool nesting_fits(const Tree& tree, int i, const Options& options) {
    const Op op = tree.nodes[i].op;
    for (const Op outer : {op, seen_as(op)}) {
        for (int inner = 2; inner < kOps; ++inner) {
            const int limit = options.nested_limit[index(outer)][inner];
            if (limit >= 0 && nested_within(tree, i, inner) > limit) return false;
        }
        if (seen_as(op) == op) break;
    }
    return true;
}

bool shape_fits(const Tree& tree, int root, const Options& options) {
    for (int i = tree.begin(root); i <= root && options.constrained; ++i)
        if (arity(tree.nodes[i].op) > 0 && (!arguments_fit(tree, i, options) || !nesting_fits(tree, i, options))) return false;
    return options.max_depth <= 0 || depth(tree, root) <= options.max_depth;
}

}  // namespace

bool permitted(const Tree& tree, const Options& options) {
    if (!options.restricted()) return true;
    int roots[kMaxTerms];
    const int n = term_roots(tree, roots);
    for (int k = 0; k < n; ++k)
        if (!shape_fits(tree, roots[k], options)) return false;
    if (options.formula_template.active() && !assigned(tree, options.formula_template)) return false;
    return !options.dimensional || terms_consistent(tree, options);
}

bool formula_permitted(const Tree& tree, int target, const Options& options) {
    if (!options.restricted()) return true;
    return shape_fits(tree, tree.root(), options) && (!options.dimensional || formula_consistent(tree, target, options));
}

bool presentable(const Individual& individual, const Data& data, const Options& options) {
    if (!options.restricted()) return true;
    Tree t;
    const bool formula_template = options.formula_template.active();
    const int count = formula_template ? options.formula_template.functions : individual.targets;
    for (int k = 0; k < count; ++k) {
        if (!(formula_template ? function_formula(individual, k, options, t) : formula(individual, k, data, options, t))) return false;
        if (!formula_permitted(t, formula_template ? 0 : data.first + k, options)) return false;
    }
    return true;
}

}  // namespace nde
