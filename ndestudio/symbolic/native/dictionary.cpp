#include "dictionary.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_set>

#include "families.hpp"
#include "simplify.hpp"

namespace nde {
namespace {

/// Collects trees without repeats.
struct Collector {
    const Options& options;
    const Mutator& mutator;
    const Evaluator& e;
    Random random;
    int mends;  // that may still be tried
    std::unordered_set<std::uint64_t> seen;
    std::vector<Tree> trees;

    void add(const Tree& raw) {
        Tree t;
        if (e.stopped() || !normalise(raw, 1, t)) return;
        if (permitted(t, options)) keep(t);
        else
            for (int k = 0; k < 2 && mends-- > 0; ++k) {  // ways of putting its dimensions right
                Tree mended;
                if (mutator.mend(t, random, mended) && permitted(mended, options)) keep(mended);
            }
    }
    void keep(const Tree& t) {
        if (complexity(t, t.root(), options) > options.max_size) return;
        if (seen.insert(hash(t, t.root())).second) trees.push_back(t);
    }
};

/// The upper half of a float, rounded to nearest.
std::uint16_t upper_half(float v) {
    std::uint32_t bits;
    std::memcpy(&bits, &v, sizeof bits);
    return static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

double dot(const double* a, const double* b, int n) {
    double v = 0.0;
    for (int i = 0; i < n; ++i) v += a[i] * b[i];
    return v;
}

/// Make `v` orthogonal to the `n` orthonormal columns and of length 1; false if nothing is left.
bool orthonormal(const double* columns, int n, int rows, double* v) {
    const double before = std::sqrt(dot(v, v, rows));
    for (int k = 0; k < n; ++k) {
        const double* q = columns + static_cast<std::size_t>(k) * kSketch;
        const double p = dot(v, q, rows);
        for (int i = 0; i < rows; ++i) v[i] -= p * q[i];
    }
    const double norm = std::sqrt(dot(v, v, rows));
    if (!(norm > 1e-6 * before) || !(norm < 1e100) || norm < 1e-100) return false;
    for (int i = 0; i < rows; ++i) v[i] /= norm;
    return true;
}

}  // namespace

void Dictionary::build(const Options& options, const Mutator& m, const Evaluator& e, int limit) {
    const int f = std::min(sketch_.features, 64);
    std::vector<double> row(static_cast<std::size_t>(sketch_.features));
    const auto scale = [&](const Tree& u) {
        std::vector<double> v;
        for (int r = 0; r < sketch_.samples(); ++r) {
            for (int k = 0; k < sketch_.features; ++k) row[static_cast<std::size_t>(k)] = sketch_.columns[k][r];
            const double x = value_at(u, u.root(), row.data());
            if (std::isfinite(x)) v.push_back(x);
        }
        return scale_of(std::move(v));
    };
    const auto spread_of = [&](int i) {
        Tree t;
        t.variable(i);
        return scale(t).spread;
    };
    std::vector<Tree> plain, combined;  // arguments
    const auto put = [](std::vector<Tree>& to, auto make) {
        Tree t;
        if (make(t)) to.push_back(t);
    };
    for (int i = 0; i < f; ++i) put(plain, [&](Tree& t) { return t.variable(i); });
    const int g = std::min(f, 8);
    for (int i = 0; i < g; ++i)
        for (int j = 0; j < g; ++j) {
            if (i == j) continue;
            if (i < j && m.can(Op::Multiply)) put(combined, [&](Tree& t) { return t.variable(i) && t.variable(j) && t.apply(Op::Multiply); });
            if (i < j && m.can(Op::Subtract)) put(combined, [&](Tree& t) { return t.variable(i) && t.variable(j) && t.apply(Op::Subtract); });
            if (i < j && m.can(Op::Add)) put(combined, [&](Tree& t) { return t.variable(i) && t.variable(j) && t.apply(Op::Add); });
            if (i < j && m.can(Op::Add) && m.can(Op::Multiply))
                for (double sign : {1.0, -1.0}) {
                    const double k = sign * spread_of(i) / spread_of(j);
                    put(combined, [&](Tree& t) { return t.variable(i) && t.variable(j) && t.constant(k) && t.apply(Op::Multiply) && t.apply(Op::Add); });
                }
            if (i < j && m.can(Op::Add) && m.can(Op::Square)) {
                put(combined, [&](Tree& t) { return t.variable(i) && t.apply(Op::Square) && t.variable(j) && t.apply(Op::Square) && t.apply(Op::Add); });
                if (m.can(Op::Sqrt)) put(combined, [&](Tree& t) { return t.variable(i) && t.apply(Op::Square) && t.variable(j) && t.apply(Op::Square) && t.apply(Op::Add) && t.apply(Op::Sqrt); });
            }
            if (m.can(Op::Divide)) put(combined, [&](Tree& t) { return t.variable(i) && t.variable(j) && t.apply(Op::Divide); });
        }
    if (m.can(Op::Add))
        for (int i = 0; i < std::min(g, 6); ++i)
            for (int j = i + 1; j < std::min(g, 6); ++j)
                for (int k = j + 1; k < std::min(g, 6); ++k)
                    put(combined, [&](Tree& t) { return t.variable(i) && t.variable(j) && t.apply(Op::Add) && t.variable(k) && t.apply(Op::Add); });
    std::vector<Tree> factors;
    for (const Tree& u : plain) {
        factors.push_back(u);
        if (m.can(Op::Square)) put(factors, [&](Tree& t) { return t.append(u, u.root()) && t.apply(Op::Square); });
    }
    for (const Tree& u : combined)
        if (u.nodes[u.root()].op == Op::Multiply) factors.push_back(u);
    if (m.can(Op::Divide))
        for (const Tree& u : plain) put(factors, [&](Tree& t) { return t.append(u, u.root()) && t.apply(Op::Inverse); });
    if (!m.can(Op::Multiply)) factors.clear();

    Collector all{options, m, e, Random(options.seed, 0xD1C7), 12000, {}, {}};
    std::vector<std::vector<Tree>> of_plain;
    for (const Tree& u : plain) {
        if (e.stopped()) return;
        std::vector<Tree> made;
        families(u, scale(u), m, true, made);
        for (const Tree& t : made) all.add(t);
        of_plain.push_back(std::move(made));
    }
    const auto times = [&](const Tree& a, const Tree& b) {
        Tree t;
        if (t.append(a, a.root()) && t.append(b, b.root()) && t.apply(Op::Multiply)) all.add(t);
    };
    for (const Tree& u : combined) {
        if (e.stopped()) return;
        std::vector<Tree> made;
        families(u, scale(u), m, false, made);
        for (const Tree& t : made) all.add(t);
    }
    if (m.can(Op::Multiply)) {
        std::vector<Tree> bare, graded;
        for (const Tree& u : plain) {
            factors_of(u, scale(u), m, false, bare);
            factors_of(u, scale(u), m, g <= 3, graded);
        }
        std::vector<std::vector<Tree>> saturations(static_cast<std::size_t>(g));
        for (int i = 0; i < g; ++i) {
            const Tree& u = plain[static_cast<std::size_t>(i)];
            saturations_of(u, scale(u), m, saturations[static_cast<std::size_t>(i)]);
            for (int j = 0; j < i; ++j)
                for (const Tree& a : saturations[static_cast<std::size_t>(j)])
                    for (const Tree& b : saturations[static_cast<std::size_t>(i)]) times(a, b);
        }
        for (const Tree& a : bare)
            for (const Tree& b : graded)
                if (static_cast<int>(all.trees.size()) < limit) times(a, b);
    }
    for (const Tree& a : factors)
        for (const auto& made : of_plain)
            for (const Tree& t : made) {
                if (static_cast<int>(all.trees.size()) >= 2 * limit) break;
                times(a, t);
            }
    for (const Tree& u : combined) {
        if (static_cast<int>(all.trees.size()) >= 2 * limit || factors.empty()) break;
        std::vector<Tree> made;
        families(u, scale(u), m, false, made);
        for (const Tree& a : factors)
            for (const Tree& t : made) times(a, t);
    }
    std::stable_sort(all.trees.begin(), all.trees.end(), [&](const Tree& a, const Tree& b) { return a.size < b.size; });
    if (static_cast<int>(all.trees.size()) > limit) all.trees.resize(static_cast<std::size_t>(limit));
    for (const Tree& t : all.trees) {
        nodes_.insert(nodes_.end(), t.nodes, t.nodes + t.size);
        begin_.push_back(static_cast<int>(nodes_.size()));
        shape_.push_back(shape(t, t.root()));
    }
}

bool Dictionary::against(const std::vector<Buffer>& fixed, const Buffer& slope, Buffer& v) const {
    Buffer basis((fixed.size() + 1) * kSketch);
    int n = 0;
    for (const Buffer& column : fixed) {
        double* q = basis.data() + static_cast<std::size_t>(n) * kSketch;
        std::copy_n(column.data(), sketch_.rows, q);
        n += orthonormal(basis.data(), n, sketch_.rows, q);
    }
    for (int r = 0; r < sketch_.rows; ++r) v[static_cast<std::size_t>(r)] *= slope[static_cast<std::size_t>(r)];
    return orthonormal(basis.data(), n, sketch_.rows, v.data());
}

Dictionary::Dictionary(const Options& options, const Mutator& mutator, const Data& data, Evaluator& e, int limit) {
    std::vector<int> rows;
    Random random(options.seed, 0x5EED);
    if (data.rows <= kSketch)
        for (int r = 0; r < data.rows; ++r) rows.push_back(r);
    else  // one row out of each of kSketch strata
        for (int k = 0; k < kSketch; ++k) {
            const long long a = static_cast<long long>(data.rows) * k / kSketch, b = static_cast<long long>(data.rows) * (k + 1) / kSketch;
            rows.push_back(static_cast<int>(a) + random.below(static_cast<int>(b - a)));
        }
    sketch_ = data.subset(rows);
    build(options, mutator, e, limit);

    values_.resize(static_cast<std::size_t>(size()) * kSketch);
    Buffer v(static_cast<std::size_t>(kSketch));
    const FormulaTemplate& formula_template = options.formula_template;
    std::vector<Buffer> slopes;
    Buffer ignored;
    if (formula_template.active() && !e.formula_template()->linearise(nullptr, sketch_, slopes, ignored)) {
        nodes_.clear();
        begin_ = {0};
        return;
    }
    int kept = 0;
    std::vector<Node> nodes;
    std::vector<int> begin{0};
    std::vector<std::uint64_t> shapes;
    for (int k = 0; k < size() && !e.stopped(); ++k) {
        Tree t;
        atom(k, t);
        e.values(t, t.root(), sketch_, v.data());
        std::uint16_t* to = values_.data() + static_cast<std::size_t>(kept) * kSketch;
        const auto keep = [&] {
            nodes.insert(nodes.end(), t.nodes, t.nodes + t.size);
            begin.push_back(static_cast<int>(nodes.size()));
            shapes.push_back(shape_[static_cast<std::size_t>(k)]);
            ++kept;
        };
        if (formula_template.active()) {
            const int owner = formula_template.owner(t, t.root());
            if (owner < 0 || !against(slopes, slopes[static_cast<std::size_t>(owner)], v)) continue;
            for (int r = 0; r < sketch_.rows; ++r) to[r] = upper_half(static_cast<float>(v[static_cast<std::size_t>(r)]));
            keep();
            continue;
        }
        double mean = 0.0, norm = 0.0, weight = 0.0;
        for (int r = 0; r < sketch_.rows; ++r) {
            const double w = sketch_.root_weight[r];
            if (sketch_.points == 0) v[r] *= w;
            weight += w * w;
            mean += w * v[r];
        }
        mean /= weight;
        for (int r = 0; r < sketch_.rows; ++r) {
            v[r] -= mean * sketch_.root_weight[r];
            norm += v[r] * v[r];
        }
        norm = std::sqrt(norm);
        if (!(norm > 1e-9 * std::fabs(mean)) || !(norm < 1e100) || norm < 1e-100) continue;
        for (int r = 0; r < sketch_.rows; ++r) to[r] = upper_half(static_cast<float>(v[r] / norm));
        keep();
    }
    nodes_ = std::move(nodes);
    begin_ = std::move(begin);
    shape_ = std::move(shapes);
}

void Dictionary::atom(int k, Tree& out) const {
    Tree t;
    for (int i = begin_[static_cast<std::size_t>(k)]; i < begin_[static_cast<std::size_t>(k) + 1]; ++i) t.push(nodes_[static_cast<std::size_t>(i)]);
    out = t;
}

void Dictionary::gains(Evaluator& e, const Data& s, const Individual* m, int first, int count, float* out) const {
    constexpr int kMost = kMaxTerms + kMaxTargets + kMaxFunctions + kMaxParameters;
    Buffer basis(static_cast<std::size_t>(kMost) * kSketch);
    const auto column = [&](int k) { return basis.data() + static_cast<std::size_t>(k) * kSketch; };
    const double* one = s.root_weight.data();
    const double ones = dot(one, one, s.rows);
    int terms = 0;  // orthonormal columns: centred terms (of a template, derivatives), beside them the residuals
    const auto add = [&](double* v) {
        const double mean = e.formula_template() ? 0.0 : dot(v, one, s.rows) / ones;
        for (int i = 0; i < s.rows; ++i) v[i] -= mean * one[i];
        return orthonormal(basis.data(), terms, s.rows, v);
    };
    std::vector<Buffer> columns;
    Buffer residual;
    if (e.formula_template() && !e.formula_template()->linearise(m, s, columns, residual)) {
        std::fill(out, out + count, 0.0f);
        return;
    }
    for (const Buffer& derivative : columns) {
        std::copy_n(derivative.data(), s.rows, column(terms));
        terms += add(column(terms));
    }
    if (m && !e.formula_template()) {
        int roots[kMaxTerms];
        const int all = term_roots(m->tree, roots);
        for (int k = 0; k < all; ++k) {
            double* v = column(terms);
            e.values(m->tree, roots[k], s, v);
            for (int i = 0; i < s.rows && s.points == 0; ++i) v[i] *= one[i];
            terms += add(v);
        }
    }
    int n = terms;
    for (int t = 0; t < s.targets; ++t) {
        double* v = column(n);
        std::copy_n(e.formula_template() ? residual.data() : s.y(t), s.rows, v);
        n += add(v);
    }
    if (n == terms) {
        std::fill(out, out + count, 0.0f);
        return;
    }
    std::vector<float> vectors(static_cast<std::size_t>(n) * kSketch + 16), products(static_cast<std::size_t>(count) * static_cast<std::size_t>(n));
    for (int k = 0; k < n; ++k)
        for (int i = 0; i < s.rows; ++i) vectors[static_cast<std::size_t>(k) * kSketch + static_cast<std::size_t>(i)] = static_cast<float>(column(k)[i]);
    e.kernel().correlate(values_.data() + static_cast<std::size_t>(first) * kSketch, count, vectors.data(), n, products.data());
    for (int a = 0; a < count; ++a) {
        const float* p = products.data() + static_cast<std::size_t>(a) * static_cast<std::size_t>(n);
        float left = 1.0f;
        for (int k = 0; k < terms; ++k) left -= p[k] * p[k];
        if (!(left > 1e-4f)) {
            out[a] = 0.0f;
        } else if (n == terms + 1) {
            out[a] = std::min(1.0f, p[terms] * p[terms] / left);
        } else {  // what is left of the targets, as a geometric mean
            float log_left = 0.0f;
            for (int t = terms; t < n; ++t) log_left += std::log(1.0f - std::min(0.99999f, p[t] * p[t] / left));
            out[a] = 1.0f - std::exp(log_left / static_cast<float>(n - terms));
        }
    }
}

namespace {

/// The `wanted` atoms that explain most of what `m` (null: the mean) leaves, at most `per_shape` of a shape.
std::vector<int> best_atoms(const Dictionary& d, const Data& sketch, Evaluator& e, const Individual* m, int wanted, int per_shape) {
    std::vector<float> c(static_cast<std::size_t>(d.size()));
    d.gains(e, sketch, m, 0, d.size(), c.data());
    std::vector<int> order(c.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
        order[i] = static_cast<int>(i);
        c[i] = std::log(1.0f - std::min(c[i], 0.99999f)) + 0.01f * static_cast<float>(d.length(static_cast<int>(i)));
    }
    const std::size_t head = std::min(order.size(), static_cast<std::size_t>(wanted) * 6);
    const auto before = [&](int a, int b) {
        const float p = c[static_cast<std::size_t>(a)], q = c[static_cast<std::size_t>(b)];
        return p != q ? p < q : a < b;
    };
    std::partial_sort(order.begin(), order.begin() + static_cast<long>(head), order.end(), before);
    std::vector<int> out;
    for (std::size_t i = 0; i < head && static_cast<int>(out.size()) < wanted; ++i) {
        int like = 0;
        for (int k : out) like += d.shape_of(k) == d.shape_of(order[i]);
        if (like < per_shape) out.push_back(order[i]);
    }
    return out;
}

bool with_atom(const Options& options, const Dictionary& d, const Individual* m, int k, Tree& out) {
    Tree atom, sum;
    d.atom(k, atom);
    if (!m) return normalise(atom, options.terms, out);
    return sum.append(m->tree, m->tree.root()) && sum.append(atom, atom.root()) && sum.apply(Op::Add) &&
           normalise(sum, options.terms, out);
}

}  // namespace

namespace {

/// A beam of sums of atoms on the sketch.
class Beam {
public:
    Beam(const Options& options, const Data& sketch, const Data& data, const Dictionary& dictionary, Evaluator& e, HallOfFame& hall_of_fame)
        : options_(options), sketch_(sketch), data_(data), dictionary_(dictionary), e_(e), hall_of_fame_(hall_of_fame), found_(options.max_size) {}

    void run() {
        std::vector<Individual> simple;
        for (int k = 0; k < std::min(24, dictionary_.size()); ++k) {
            Individual t;
            if (with_atom(options_, dictionary_, nullptr, k, t.tree) && e_.assess(t, sketch())) simple.push_back(t);
        }
        // The widths are those at which a wider beam hardly ever found more; the second, slower pass is for what the first
        // did not solve.
        pass(simple, {24, 20, 12, 8, 6, 6, 6}, 20, 4);
        if (!over() && !(found_.best_loss() <= options_.settled(sketch_.rows, kNear))) {
            // plain terms that explain little by themselves are easily crowded out by flexible ones: begin with pairs too
            const std::size_t plain = std::min<std::size_t>(8, simple.size());
            for (std::size_t i = 0; i < plain; ++i)
                for (int k = static_cast<int>(i) + 1; k < static_cast<int>(plain); ++k) {
                    Individual t;
                    if (with_atom(options_, dictionary_, &simple[i], k, t.tree) && e_.assess(t, sketch())) simple.push_back(t);
                }
            pass(simple, {16, 24, 8, 6}, 64, 6);
        }
        for (const Individual& m : found_.front()) hand_over(m);
    }

private:
    static bool better(const Individual& a, const Individual& b) {
        return std::log(a.loss + 1e-30) + 0.04 * a.complexity < std::log(b.loss + 1e-30) + 0.04 * b.complexity;
    }
    const Data& sketch() const { return sketch_; }
    static constexpr double kNear = 3.0;
    /// Solved, stopped, or, with a template, whose fits take several evaluations each, at the end of what this may
    /// cost.
    bool over() const {
        constexpr std::uint64_t kMost = 15000;
        return solved_ || e_.stopped() || (e_.formula_template() && e_.evaluations - begun_ > kMost);
    }

    void pass(const std::vector<Individual>& simple, const std::vector<int>& widths, int atoms, int optimised) {
        std::vector<Individual> beam;
        grow(nullptr, 64, 2, 24, beam);
        const int levels = std::min(options_.terms, static_cast<int>(widths.size()) + 1);
        for (int level = 1; level < levels && !over(); ++level) {
            std::stable_sort(beam.begin(), beam.end(), better);
            std::vector<Individual> next, kept = level == 1 ? simple : std::vector<Individual>{};
            std::unordered_set<std::uint64_t> shapes;
            const std::size_t width = static_cast<std::size_t>(widths[static_cast<std::size_t>(level) - 1]) + kept.size();
            for (const Individual& m : beam)
                if (kept.size() < width && shapes.insert(shape(m.tree, m.tree.root())).second) kept.push_back(m);
            for (const Individual& m : kept) {
                grow(&m, atoms, 1, optimised, next);
                if (over()) break;
            }
            if (next.empty() || found_.best_loss() <= options_.settled(sketch_.rows)) break;
            beam = std::move(next);
        }
    }

    void hand_over(Individual m) {
        if (!e_.assess(m, data_)) return;
        if (e_.optimise_constants(m, data_, 10)) e_.assess(m, data_);
        if (m.complexity > options_.max_size) return;
        nde::offer(hall_of_fame_, m, data_, e_);
        solved_ |= m.loss <= 1e-2 * options_.target && hall_of_fame_.plain(m);
    }

    void grow(const Individual* from, int atoms, int per_shape, int optimised, std::vector<Individual>& into) {
        std::vector<Individual> tried;
        for (int k : best_atoms(dictionary_, sketch_, e_, from, atoms, per_shape)) {
            Individual t;
            if (!with_atom(options_, dictionary_, from, k, t.tree)) continue;
            if (from && e_.formula_template()) inherit(t, *from);
            if (!e_.assess(t, sketch())) continue;
            if (from && !(t.loss < 0.99 * from->loss)) continue;
            tried.push_back(t);
        }
        std::stable_sort(tried.begin(), tried.end(), better);
        // a few steps for all of them, more for those that take to it
        for (Individual& t : tried)
            if (e_.optimise_constants(t, sketch(), 2)) e_.assess(t, sketch());
        std::stable_sort(tried.begin(), tried.end(), better);
        for (std::size_t i = 0; i < tried.size() && !e_.stopped(); ++i) {
            Individual& t = tried[i];
            if (static_cast<int>(i) < optimised && e_.optimise_constants(t, sketch(), 6)) e_.assess(t, sketch());
            if (t.complexity > options_.max_size) continue;
            found_.offer(t);
            into.push_back(t);
            if (t.loss < 1e-10) hand_over(t);
            if (over()) return;
        }
    }

    const Options& options_;
    const Data& sketch_;
    const Data& data_;
    const Dictionary& dictionary_;
    Evaluator& e_;
    HallOfFame& hall_of_fame_;
    HallOfFame found_;
    const std::uint64_t begun_ = e_.evaluations;
    bool solved_ = false;
};

}  // namespace

void sparse_regression(const Options& options, const Data& sketch, const Data& data, const Dictionary& dictionary, Evaluator& e,
                       HallOfFame& hall_of_fame) {
    if (dictionary.size() > 0) Beam(options, sketch, data, dictionary, e, hall_of_fame).run();
}

}  // namespace nde
