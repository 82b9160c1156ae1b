#include "mutate.hpp"

#include <algorithm>
#include <cmath>

namespace nde {

Mutator::Mutator(const Options& options, const Data& data) : options_(options), data_(data) {
    std::copy(options.allowed, options.allowed + kOps, usable_);
    // Shorthands of what is allowed anyway: x^2 = x * x, 1/x.
    if (options.allows(Op::Multiply) || options.allows(Op::Power)) usable_[index(Op::Square)] = usable_[index(Op::Cube)] = true;
    if (options.allows(Op::Divide)) usable_[index(Op::Inverse)] = true;
    for (int i = 2; i < kOps; ++i) {
        const Op op = static_cast<Op>(i);
        if (!usable_[i]) continue;
        if (arity(op) == 2) binary_.push_back(op);
        else if (op != Op::Negate) unary_.push_back(op);
    }
    if (options.dimensional) mender_ = Mender(options, data.features, can(Op::Multiply), can(Op::Divide), can(Op::Square), can(Op::Sqrt));
}

bool Mutator::mend(const Tree& tree, Random& random, Tree& out) const {
    return options_.dimensional && mender_.mend(tree, options_, data_, random, out);
}

bool Mutator::row(Random& random, double* x) const {
    const int r = random.below(data_.samples());
    for (int k = 0; k < data_.features && k < 4096; ++k) x[k] = data_.columns[k][r];
    return true;
}

double Mutator::number(Random& random) const {
    const double u = random.uniform();
    if (u < 0.35) return 1.0 + random.below(3);
    const double v = std::exp(random.normal() * 1.2);
    return random.chance(0.3) ? -v : v;
}

double Mutator::number_like(const Tree& tree, int i, Random& random) const {
    std::vector<double> x(static_cast<std::size_t>(data_.features));
    const int r = random.below(data_.samples());
    for (int k = 0; k < data_.features; ++k) x[static_cast<std::size_t>(k)] = data_.columns[k][r];
    const double v = value_at(tree, i, x.data());
    if (!std::isfinite(v) || v == 0.0 || random.chance(0.3)) return number(random);
    return v * std::exp(0.5 * random.normal()) * (random.chance(0.2) ? -1.0 : 1.0);
}

bool Mutator::leaf(Random& random, Tree& out) const {
    if (random.chance(0.75)) return out.variable(random.below(data_.features));
    return out.constant(number(random));
}

bool Mutator::append_random(int size, Random& random, Tree& out) const {
    if (size <= 1 || (unary_.empty() && binary_.empty())) return leaf(random, out);
    const bool one = !unary_.empty() && (binary_.empty() || size == 2 || random.chance(0.3));
    if (one) return append_random(size - 1, random, out) && out.apply(unary_[static_cast<std::size_t>(random.below(static_cast<int>(unary_.size())))]);
    const int left = 1 + random.below(std::max(1, size - 2));
    return append_random(left, random, out) && append_random(size - 1 - left, random, out) &&
           out.apply(binary_[static_cast<std::size_t>(random.below(static_cast<int>(binary_.size())))]);
}

bool Mutator::grow(int size, Random& random, Tree& out) const {
    Tree tree;
    if (!append_random(size, random, tree)) return false;
    out = tree;
    return true;
}

namespace {

template <class Wanted>
int pick(const Tree& tree, Random& random, Wanted wanted) {
    int found[kMaxNodes], n = 0;
    for (int i = 0; i < tree.size; ++i)
        if (wanted(i)) found[n++] = i;
    return n ? found[random.below(n)] : -1;
}

template <class Wanted>
bool any(const Tree& tree, Wanted wanted) {
    for (int i = 0; i < tree.size; ++i)
        if (wanted(i)) return true;
    return false;
}

/// Append `op(subtree i of tree, leaf)` or the other way round.
bool pair_up(Op op, const Tree& tree, int i, const Tree& other, bool first, Tree& out) {
    if (first) return out.append(other, other.root()) && out.append(tree, i) && out.apply(op);
    return out.append(tree, i) && out.append(other, other.root()) && out.apply(op);
}

}  // namespace

bool Mutator::applies(Move move, const Tree& tree) const {
    const auto is = [&](Op op) { return [&tree, op](int i) { return tree.nodes[i].op == op; }; };
    switch (move) {
        case Move::Constant: return any(tree, is(Op::Constant));
        case Move::Operator:
            return any(tree, [&](int i) {
                const int n = arity(tree.nodes[i].op);
                return (n == 1 && unary_.size() > 1) || (n == 2 && binary_.size() > 1);
            });
        case Move::Feature: return data_.features > 1;
        case Move::Delete: return tree.size > 1;
        case Move::Rotate:
            return any(tree, [&](int i) { return arity(tree.nodes[i].op) == 2 && (arity(tree.nodes[tree.left(i)].op) == 2 || arity(tree.nodes[i - 1].op) == 2); });
        case Move::Swap:
            return any(tree, [&](int i) { return arity(tree.nodes[i].op) == 2 && !commutes(tree.nodes[i].op); });
        case Move::Saturate: return can(Op::Divide) && can(Op::Add);
        case Move::Affine:
            return can(Op::Multiply) && any(tree, [&](int i) { return arity(tree.nodes[i].op) == 1 || tree.nodes[i].op == Op::Divide || tree.nodes[i].op == Op::Power; });
        case Move::AddTerm: return can(Op::Add) || can(Op::Subtract);
        case Move::Multiply: return can(Op::Multiply);
        case Move::Insert:
        case Move::Grow: return !unary_.empty() || !binary_.empty();
        default: return true;
    }
}

bool Mutator::change(Move move, const Tree& tree, double temperature, Random& random, Tree& out) const {
    Tree piece;
    const auto any_node = [&] { return random.below(tree.size); };
    switch (move) {
        case Move::Constant: {
            const int i = pick(tree, random, [&](int k) { return tree.nodes[k].op == Op::Constant; });
            out = tree;
            double& v = out.nodes[i].value;
            const double u = random.uniform();
            if (u < 0.1) v = -v;
            else if (u < 0.2) v = number(random);
            else if (u < 0.3) v = std::round(v * 2.0) / 2.0;
            else v *= std::exp((0.05 + 1.5 * temperature) * random.normal());
            return std::isfinite(v);
        }
        case Move::Operator: {
            const int i = pick(tree, random, [&](int k) {
                const int n = arity(tree.nodes[k].op);
                return (n == 1 && unary_.size() > 1) || (n == 2 && binary_.size() > 1);
            });
            const auto& choices = arity(tree.nodes[i].op) == 1 ? unary_ : binary_;
            const Op op = choices[static_cast<std::size_t>(random.below(static_cast<int>(choices.size())))];
            if (op == tree.nodes[i].op) return false;
            out = tree;
            out.nodes[i].op = op;
            return true;
        }
        case Move::Feature: {
            const int i = pick(tree, random, [&](int k) { return tree.nodes[k].op == Op::Variable; });
            if (i < 0) return false;
            out = tree;
            out.nodes[i].feature = static_cast<std::uint16_t>(random.below(data_.features));
            return out.nodes[i].feature != tree.nodes[i].feature;
        }
        case Move::Insert: {
            const int i = any_node();
            if (!unary_.empty() && (binary_.empty() || random.chance(0.4))) {
                if (!piece.append(tree, i) || !piece.apply(unary_[static_cast<std::size_t>(random.below(static_cast<int>(unary_.size())))])) return false;
            } else {
                Tree other;
                if (random.chance(0.3)) other.constant(number_like(tree, i, random));
                else append_random(random.chance(0.7) ? 1 : 2 + random.below(2), random, other);
                const Op op = binary_[static_cast<std::size_t>(random.below(static_cast<int>(binary_.size())))];
                if (!pair_up(op, tree, i, other, random.chance(0.5), piece)) return false;
            }
            return replace(tree, i, piece, piece.root(), out);
        }
        case Move::Delete: {
            const int i = pick(tree, random, [&](int k) { return arity(tree.nodes[k].op) > 0; });
            if (i < 0) return false;
            const int child = arity(tree.nodes[i].op) == 2 && random.chance(0.5) ? tree.left(i) : i - 1;
            return replace(tree, i, tree, child, out);
        }
        case Move::Grow: {
            const int i = pick(tree, random, [&](int k) { return arity(tree.nodes[k].op) == 0; });
            return grow(2 + random.below(3), random, piece) && replace(tree, i, piece, piece.root(), out);
        }
        case Move::Rotate: {
            const int i = pick(tree, random, [&](int k) {
                return arity(tree.nodes[k].op) == 2 && (arity(tree.nodes[tree.left(k)].op) == 2 || arity(tree.nodes[k - 1].op) == 2);
            });
            const int l = tree.left(i), r = i - 1;
            const bool at_left = arity(tree.nodes[l].op) == 2 && (arity(tree.nodes[r].op) != 2 || random.chance(0.5));
            bool fits;
            if (at_left)  // (a . b) : c  ->  a . (b : c)
                fits = piece.append(tree, tree.left(l)) && piece.append(tree, l - 1) && piece.append(tree, r) &&
                       piece.apply(tree.nodes[i].op) && piece.apply(tree.nodes[l].op);
            else
                fits = piece.append(tree, l) && piece.append(tree, tree.left(r)) && piece.apply(tree.nodes[i].op) &&
                       piece.append(tree, r - 1) && piece.apply(tree.nodes[r].op);
            return fits && replace(tree, i, piece, piece.root(), out);
        }
        case Move::Swap: {
            const int i = pick(tree, random, [&](int k) { return arity(tree.nodes[k].op) == 2 && !commutes(tree.nodes[k].op); });
            return piece.append(tree, i - 1) && piece.append(tree, tree.left(i)) && piece.apply(tree.nodes[i].op) &&
                   replace(tree, i, piece, piece.root(), out);
        }
        case Move::Graft:
            return grow(1 + random.below(5), random, piece) && replace(tree, any_node(), piece, piece.root(), out);
        case Move::Randomise: return grow(3 + random.below(10), random, out);
        case Move::Saturate: {  // u -> u / (c + v), v a variable, u itself, or a function of one
            const int i = any_node();
            Tree v;
            const double u = random.uniform();
            if (u < 0.4) v.append(tree, i);
            else if (u < 0.8) v.variable(random.below(data_.features));
            else append_random(2 + random.below(2), random, v);
            if (v.size == 0) return false;
            if (random.chance(0.2) && can(Op::Square) && !v.apply(Op::Square)) return false;
            const double c = std::fabs(number_like(v, v.root(), random));
            return piece.append(tree, i) && piece.append(v, v.root()) && piece.constant(c) && piece.apply(Op::Add) &&
                   piece.apply(Op::Divide) && replace(tree, i, piece, piece.root(), out);
        }
        case Move::Affine: {  // a scale or a shift inside a function or a quotient
            const int i = pick(tree, random, [&](int k) {
                return arity(tree.nodes[k].op) == 1 || tree.nodes[k].op == Op::Divide || tree.nodes[k].op == Op::Power;
            });
            const int child = i - 1;
            const bool shift = can(Op::Add) && random.chance(0.5);
            const double c = shift ? -number_like(tree, child, random) : std::exp(random.normal()) * (random.chance(0.3) ? -1.0 : 1.0);
            return piece.append(tree, child) && piece.constant(c) && piece.apply(shift ? Op::Add : Op::Multiply) &&
                   replace(tree, child, piece, piece.root(), out);
        }
        case Move::AddTerm: {
            if (!grow(1 + random.below(6), random, piece)) return false;
            Tree sum;
            if (!sum.append(tree, tree.root()) || !sum.append(piece, piece.root()) || !sum.apply(can(Op::Add) ? Op::Add : Op::Subtract)) return false;
            out = sum;
            return true;
        }
        case Move::Multiply: {  // a term times (or over) something small
            int roots[kMaxTerms];
            const int n = term_roots(tree, roots);
            const int i = roots[random.below(n)];
            Tree v;
            append_random(random.chance(0.6) ? 1 : 2 + random.below(3), random, v);
            return piece.append(tree, i) && piece.append(v, v.root()) &&
                   piece.apply(can(Op::Divide) && random.chance(0.3) ? Op::Divide : Op::Multiply) &&
                   replace(tree, i, piece, piece.root(), out);
        }
        default: return false;
    }
}

bool Mutator::cross(const Tree& a, const Tree& b, Random& random, Tree& out) const {
    const auto choose = [&](const Tree& t) {
        if (t.size > 1 && random.chance(0.8)) return pick(t, random, [&](int k) { return arity(t.nodes[k].op) > 0; });
        return random.below(t.size);
    };
    if (random.chance(0.25)) {  // a term of b joins a
        int roots[kMaxTerms];
        const int n = term_roots(b, roots);
        Tree sum;
        if (!sum.append(a, a.root()) || !sum.append(b, roots[random.below(n)]) || !sum.apply(Op::Add)) return false;
        out = sum;
        return true;
    }
    return replace(a, choose(a), b, choose(b), out);
}

}  // namespace nde
