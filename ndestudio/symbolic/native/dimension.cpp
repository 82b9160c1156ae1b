#include "dimension.hpp"

#include <algorithm>
#include <cmath>

#include "individual.hpp"

namespace nde {
namespace {

constexpr double kClose = 1e-6;

/// The same for dimensions that differ by rounding only; products of powers have exponents in twelfths.
std::uint64_t key_of(const Dimension& d) {
    std::uint64_t h = 7;
    for (double e : d.exponent) h = mix(h * 31 + static_cast<std::uint64_t>(static_cast<std::int64_t>(std::lround(e * 12.0)) + 100000));
    return h;
}

bool in_twelfths(const Dimension& d) {
    for (double e : d.exponent)
        if (!(std::fabs(e) < 100.0) || std::fabs(e * 12.0 - std::round(e * 12.0)) > 1e-4) return false;
    return true;
}

bool of_numbers(Op op) {  // functions whose argument must be a pure number
    return op == Op::Exp || op == Op::Log || op == Op::Sin || op == Op::Cos || op == Op::Tan || op == Op::Tanh;
}

/// Dimension after a unary operator; false where the argument has one and must not.
bool after(Op op, const Dimension& a, Dimension& out) {
    if (of_numbers(op)) {
        out = Dimension();
        return a.any || a.none();
    }
    switch (op) {
        case Op::Sqrt: out = a.times(0.5); break;
        case Op::Square: out = a.times(2.0); break;
        case Op::Cube: out = a.times(3.0); break;
        case Op::Inverse: out = a.times(-1.0); break;
        default: out = a;
    }
    return true;
}

bool after_power(const Tree& tree, int i, const Dimension& base, const Dimension& exponent, Dimension& out) {
    if (!has_variable(tree, i - 1)) {
        out = base.any || base.none() ? base : base.times(value_at(tree, i - 1, nullptr));
        return true;
    }
    out = Dimension();
    return (base.any || base.none()) && (exponent.any || exponent.none());
}

}  // namespace

bool Dimension::none() const {
    if (any) return false;
    for (double e : exponent)
        if (std::fabs(e) > kClose) return false;
    return true;
}

bool Dimension::operator==(const Dimension& other) const {
    if (any != other.any) return false;
    for (int k = 0; k < kDimensions && !any; ++k)
        if (!(std::fabs(exponent[k] - other.exponent[k]) <= kClose)) return false;
    return true;
}

Dimension Dimension::plus(const Dimension& other, double sign) const {
    Dimension d;
    d.any = any || other.any;
    for (int k = 0; k < kDimensions && !d.any; ++k) d.exponent[k] = exponent[k] + sign * other.exponent[k];
    return d;
}

Dimension Dimension::times(double factor) const {
    Dimension d = *this;
    for (double& e : d.exponent) e *= factor;
    return d;
}

Dimension feature_dimension(const Options& o, int feature) {
    Dimension d;
    const std::size_t at = static_cast<std::size_t>(feature);
    d.any = at >= o.feature_known.size() || !o.feature_known[at];
    if (!d.any) std::copy_n(o.feature_dimension.begin() + static_cast<long>(at * kDimensions), kDimensions, d.exponent);
    return d;
}

Dimension target_dimension(const Options& o, int target) {
    Dimension d;
    const std::size_t at = static_cast<std::size_t>(target);
    d.any = at >= o.target_known.size() || !o.target_known[at];
    if (!d.any) std::copy_n(o.target_dimension.begin() + static_cast<long>(at * kDimensions), kDimensions, d.exponent);
    return d;
}

bool dimension_of(const Tree& tree, int i, const Options& o, Dimension& out) {
    Dimension d[kMaxNodes];
    for (int k = tree.begin(i); k <= i; ++k) {
        const Node& n = tree.nodes[k];
        switch (n.op) {
            case Op::Constant: d[k].any = o.wildcards; break;
            case Op::Variable: d[k] = feature_dimension(o, n.feature); break;
            case Op::Add:
            case Op::Subtract:
            case Op::Minimum:
            case Op::Maximum: {
                const Dimension &a = d[tree.left(k)], &b = d[k - 1];
                if (!a.any && !b.any && !(a == b)) return false;
                d[k] = a.any ? b : a;
                break;
            }
            case Op::Multiply: d[k] = d[tree.left(k)].plus(d[k - 1], 1.0); break;
            case Op::Divide: d[k] = d[tree.left(k)].plus(d[k - 1], -1.0); break;
            case Op::Power:
                if (!after_power(tree, k, d[tree.left(k)], d[k - 1], d[k])) return false;
                break;
            default:
                if (!after(n.op, d[k - 1], d[k])) return false;
        }
    }
    out = d[i];
    return true;
}

bool terms_consistent(const Tree& tree, const Options& o) {
    int roots[kMaxTerms];
    const int n = term_roots(tree, roots);
    const Dimension target = target_dimension(o, 0);
    for (int k = 0; k < n; ++k) {
        Dimension d;
        if (!dimension_of(tree, roots[k], o, d)) return false;
        if (!o.wildcards && !target.any && !d.any && !(d == target)) return false;
    }
    return true;
}

bool formula_consistent(const Tree& formula, int target, const Options& o) {
    Dimension d;
    if (!dimension_of(formula, formula.root(), o, d)) return false;
    const Dimension like = target_dimension(o, target);
    return d.any || like.any || d == like;
}

bool carries_dimension(const Tree& tree, int root, int terms, int target_number, const Options& o) {
    if (!o.dimensional || !o.wildcards) return false;
    Dimension d;
    if (!dimension_of(tree, root, o, d) || d.any) return false;
    const Dimension target = target_dimension(o, target_number);
    return target.any ? terms > 1 : !(d == target);
}

Mender::Mender(const Options& options, int features, bool multiplies, bool divides, bool squares, bool roots)
    : multiplies_(multiplies), divides_(divides), squares_(squares) {
    constexpr std::size_t kMost = 10;
    std::vector<int> usable;
    for (int k = 0; k < features && usable.size() < kMost; ++k) {
        const Dimension d = feature_dimension(options, k);
        if (!d.any && !d.none()) usable.push_back(k);
    }
    if (multiplies || divides) enumerate(options, usable, roots, Entry(), Dimension(), 0, 0);
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
        if (a.key != b.key) return a.key < b.key;
        if (a.cost != b.cost) return a.cost < b.cost;
        for (int k = 0; k < 3; ++k) {
            if (a.feature[k] != b.feature[k]) return a.feature[k] < b.feature[k];
            if (a.power[k] != b.power[k]) return a.power[k] < b.power[k];
        }
        return false;
    });
}

void Mender::enumerate(const Options& options, const std::vector<int>& features, bool roots, Entry entry, Dimension sum,
                       std::size_t from, int depth) {
    if (depth > 0) {
        entry.key = key_of(sum);
        entries_.push_back(entry);
    }
    if (depth == 3) return;
    for (std::size_t i = from; i < features.size(); ++i)
        for (double p : {1.0, -1.0, 2.0, -2.0, 0.5, -0.5}) {
            if (std::fabs(p) < 1.0 && !roots) continue;
            Entry next = entry;
            next.feature[depth] = static_cast<std::uint16_t>(features[i]);
            next.power[depth] = p;
            next.cost += 2 + 2 * (std::fabs(p) != 1.0);
            enumerate(options, features, roots, next, sum.plus(feature_dimension(options, features[i]), p), i + 1, depth + 1);
        }
}

bool Mender::write(const Entry& e, Tree& out) const {
    Tree t;
    const auto power = [&](int k) {
        const double p = std::fabs(e.power[k]);
        if (!t.variable(e.feature[k])) return false;
        if (p == 2.0 && !squares_) return false;
        return p == 1.0 || t.apply(p == 2.0 ? Op::Square : Op::Sqrt);
    };
    bool begun = false;
    for (int k = 0; k < 3; ++k) {
        if (!(e.power[k] > 0.0)) continue;
        if (!power(k) || (begun && !(multiplies_ && t.apply(Op::Multiply)))) return false;
        begun = true;
    }
    for (int k = 0; k < 3; ++k) {
        if (!(e.power[k] < 0.0)) continue;
        if (!power(k) || !divides_ || !t.apply(begun ? Op::Divide : Op::Inverse)) return false;
        begun = true;
    }
    if (begun) out = t;
    return begun;
}

bool Mender::product(const Dimension& wanted, Random& random, Tree& out) const {
    if (wanted.any || wanted.none() || !in_twelfths(wanted)) return false;
    const std::uint64_t key = key_of(wanted);
    const auto first = std::lower_bound(entries_.begin(), entries_.end(), key, [](const Entry& e, std::uint64_t k) { return e.key < k; });
    auto last = first;
    while (last != entries_.end() && last->key == key) ++last;
    const int n = static_cast<int>(last - first);
    for (int attempt = 0; n > 0 && attempt < 4; ++attempt) {
        int i = 0;
        while (i + 1 < n && random.chance(0.4)) ++i;
        if (write(first[i], out)) return true;
    }
    return false;
}

namespace {

/// Rebuilds a tree bottom-up, with a factor wherever dimensions do not fit.
struct Rebuild {
    const Mender& mender;
    const Options& options;
    const Tree& in;
    const double* row;
    Random& random;
    bool multiplies;
    Tree out;

    /// Multiply the last subtree by something of dimension `wanted`; its size is to become about `size`.
    bool factor(const Dimension& wanted, double size) {
        if (!multiplies) return false;
        Tree piece;
        const bool constant = options.wildcards && random.chance(0.5);
        if (!constant && mender.product(wanted, random, piece)) {
            return out.append(piece, piece.root()) && out.apply(Op::Multiply);
        }
        if (!options.wildcards) return false;
        const double now = std::fabs(value_at(out, out.root(), row));
        double c = size / now;
        if (!(c > 1e-100) || !(c < 1e100)) c = 1.0;
        c *= std::exp(0.5 * random.normal());
        return out.constant(random.chance(0.2) ? -c : c) && out.apply(Op::Multiply);
    }
    bool plain(Dimension& d) {  // make the last subtree a pure number
        if (d.any || d.none()) return true;
        if (!factor(d.times(-1.0), 1.0)) return false;
        d = Dimension();
        return true;
    }
    bool visit(int i, Dimension& d) {
        const Node& n = in.nodes[i];
        if (arity(n.op) == 0) return out.push(n) && dimension_of(in, i, options, d);
        if (arity(n.op) == 1) {
            Dimension a;
            if (!visit(i - 1, a)) return false;
            if (of_numbers(n.op) && !plain(a)) return false;
            return out.apply(n.op) && after(n.op, a, d);
        }
        Dimension a, b;
        const bool power = n.op == Op::Power && has_variable(in, i - 1);
        if (!visit(in.left(i), a) || (power && !plain(a))) return false;
        const int left = out.root();
        if (!visit(i - 1, b) || (power && !plain(b))) return false;
        switch (n.op) {
            case Op::Multiply: d = a.plus(b, 1.0); break;
            case Op::Divide: d = a.plus(b, -1.0); break;
            case Op::Power:
                if (power) d = Dimension();
                else d = a.any || a.none() ? a : a.times(value_at(in, i - 1, nullptr));
                break;
            default:
                if (!a.any && !b.any && !(a == b) && !factor(a.plus(b, -1.0), std::fabs(value_at(out, left, row)))) return false;
                d = a.any ? b : a;
        }
        return out.apply(n.op);
    }
};

}  // namespace

bool Mender::mend(const Tree& tree, const Options& options, const Data& data, Random& random, Tree& out) const {
    std::vector<double> row(static_cast<std::size_t>(data.features));
    const int r = random.below(data.samples());
    for (int k = 0; k < data.features; ++k) row[static_cast<std::size_t>(k)] = data.columns[static_cast<std::size_t>(k)][r];
    int roots[kMaxTerms];
    const int n = term_roots(tree, roots);
    const Dimension target = target_dimension(options, 0);
    Rebuild build{*this, options, tree, row.data(), random, multiplies_, {}};
    int kept = 0;
    for (int k = 0; k < n; ++k) {
        const Tree before = build.out;
        Dimension d;
        bool good = build.visit(roots[k], d);
        if (good && !options.wildcards && !target.any && !d.any && !(d == target)) good = build.factor(target.plus(d, -1.0), 1.0);
        if (good && kept > 0) good = build.out.apply(Op::Add);
        if (good) ++kept;
        else build.out = before;
    }
    Tree whole;
    if (kept == 0 || !normalise(build.out, options.terms, whole) || !terms_consistent(whole, options)) return false;
    out = whole;
    return true;
}

}  // namespace nde
