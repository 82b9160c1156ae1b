#include "dictionary.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_set>

namespace nde {
namespace {

bool variable(int k, Tree& t) { return t.variable(k); }

struct Scale {
    double middle = 1.0;  // median magnitude
    double spread = 1.0;  // standard deviation
};

Scale scale_of(const std::vector<double>& v) {
    std::vector<double> size;
    double mean = 0.0, square = 0.0;
    for (double x : v) { size.push_back(std::fabs(x)); mean += x / v.size(); }
    for (double x : v) square += (x - mean) * (x - mean) / v.size();
    std::nth_element(size.begin(), size.begin() + static_cast<long>(size.size() / 2), size.end());
    Scale s;
    s.middle = size[size.size() / 2] > 0.0 ? size[size.size() / 2] : 1.0;
    s.spread = square > 0.0 && std::isfinite(square) ? std::sqrt(square) : 1.0;
    return s;
}

/// Collects trees without repeats.
struct Collector {
    const Options& options;
    std::unordered_set<std::uint64_t> seen;
    std::vector<Tree> trees;

    void add(const Tree& raw) {
        Tree t;
        if (!normalise(raw, 1, t) || !permitted(t, options)) return;
        if (complexity(t, t.root(), options) > options.max_size) return;
        if (seen.insert(hash(t, t.root())).second) trees.push_back(t);
    }
};

/// One-parameter functions of the argument u.
void families(const Tree& u, const Scale& s, const Mutator& m, std::vector<Tree>& out) {
    const auto put = [&](auto make) {
        Tree t;
        if (make(t)) out.push_back(t);
    };
    const auto arg = [&](Tree& t, double c) {
        if (!t.append(u, u.root())) return false;
        return c == 1.0 || (t.constant(c) && t.apply(Op::Multiply));
    };
    put([&](Tree& t) { return arg(t, 1.0); });
    if (m.can(Op::Square)) put([&](Tree& t) { return arg(t, 1.0) && t.apply(Op::Square); });
    if (m.can(Op::Cube)) put([&](Tree& t) { return arg(t, 1.0) && t.apply(Op::Cube); });
    if (m.can(Op::Inverse)) {
        put([&](Tree& t) { return arg(t, 1.0) && t.apply(Op::Inverse); });
        if (m.can(Op::Square)) put([&](Tree& t) { return arg(t, 1.0) && t.apply(Op::Square) && t.apply(Op::Inverse); });
    }
    for (Op op : {Op::Sin, Op::Cos}) {
        if (!m.can(op)) continue;
        put([&](Tree& t) { return arg(t, 1.0) && t.apply(op); });
        if (m.can(Op::Multiply))
            for (double c : {0.6, 1.2, 2.0, 3.3, 5.0}) put([&](Tree& t) { return arg(t, c / s.spread) && t.apply(op); });
    }
    if (m.can(Op::Exp)) {
        for (double c : {1.0, -1.0}) put([&](Tree& t) { return arg(t, c) && t.apply(Op::Exp); });
        if (m.can(Op::Multiply))
            for (double c : {0.5, -0.5, 1.5, -1.5, -4.0}) put([&](Tree& t) { return arg(t, c / s.spread) && t.apply(Op::Exp); });
        if (m.can(Op::Square) && m.can(Op::Multiply))
            put([&](Tree& t) { return arg(t, 1.0) && t.apply(Op::Square) && t.constant(-0.5 / (s.spread * s.spread)) && t.apply(Op::Multiply) && t.apply(Op::Exp); });
    }
    for (Op op : {Op::Log, Op::Sqrt, Op::Abs, Op::Tanh, Op::Tan}) {
        if (!m.can(op)) continue;
        put([&](Tree& t) { return arg(t, 1.0) && t.apply(op); });
        if (op == Op::Tanh && m.can(Op::Multiply))
            for (double c : {0.7, 2.0}) put([&](Tree& t) { return arg(t, c / s.spread) && t.apply(op); });
        if (op != Op::Abs && op != Op::Tan && op != Op::Tanh && m.can(Op::Add))
            put([&](Tree& t) { return arg(t, 1.0) && t.constant(s.middle) && t.apply(Op::Add) && t.apply(op); });
    }
    if (m.can(Op::Power))
        for (double c : {0.5, 1.5, -0.5}) put([&](Tree& t) { return arg(t, 1.0) && t.constant(c) && t.apply(Op::Power); });
    if (m.can(Op::Divide) && m.can(Op::Add))
        for (double c : {0.2, 1.0, 4.0}) {
            put([&](Tree& t) { return arg(t, 1.0) && t.constant(c * s.middle) && t.apply(Op::Add) && t.apply(Op::Inverse); });
            put([&](Tree& t) {
                return arg(t, 1.0) && arg(t, 1.0) && t.constant(c * s.middle) && t.apply(Op::Add) && t.apply(Op::Divide);
            });
            if (!m.can(Op::Square)) continue;
            const double c2 = c * s.middle * s.middle;
            put([&](Tree& t) { return arg(t, 1.0) && t.apply(Op::Square) && t.constant(c2) && t.apply(Op::Add) && t.apply(Op::Inverse); });
            put([&](Tree& t) {
                return arg(t, 1.0) && t.apply(Op::Square) && arg(t, 1.0) && t.apply(Op::Square) && t.constant(c2) &&
                       t.apply(Op::Add) && t.apply(Op::Divide);
            });
            if (c == 1.0)
                put([&](Tree& t) {
                    return arg(t, 1.0) && t.apply(Op::Square) && t.apply(Op::Square) && t.constant(c2 * c2) && t.apply(Op::Add) &&
                           t.apply(Op::Inverse);
                });
        }
    for (Op op : {Op::Maximum, Op::Minimum})
        if (m.can(op)) put([&](Tree& t) { return arg(t, 1.0) && t.constant(s.middle) && t.apply(op); });
}

}  // namespace

void Dictionary::build(const Options& options, const Mutator& m, int limit) {
    const int f = std::min(sketch_.features, 64);
    std::vector<Tree> plain, combined;  // arguments
    const auto put = [](std::vector<Tree>& to, auto make) {
        Tree t;
        if (make(t)) to.push_back(t);
    };
    for (int i = 0; i < f; ++i) put(plain, [&](Tree& t) { return variable(i, t); });
    const int g = std::min(f, 8);
    for (int i = 0; i < g; ++i)
        for (int j = 0; j < g; ++j) {
            if (i == j) continue;
            if (i < j && m.can(Op::Multiply)) put(combined, [&](Tree& t) { return t.variable(i) && t.variable(j) && t.apply(Op::Multiply); });
            if (i < j && m.can(Op::Subtract)) put(combined, [&](Tree& t) { return t.variable(i) && t.variable(j) && t.apply(Op::Subtract); });
            if (i < j && m.can(Op::Add)) put(combined, [&](Tree& t) { return t.variable(i) && t.variable(j) && t.apply(Op::Add); });
            if (m.can(Op::Divide)) put(combined, [&](Tree& t) { return t.variable(i) && t.variable(j) && t.apply(Op::Divide); });
        }
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

    Collector all{options, {}, {}};
    std::vector<double> row(static_cast<std::size_t>(sketch_.features));
    const auto scale = [&](const Tree& u) {
        std::vector<double> v;
        for (int r = 0; r < sketch_.rows; ++r) {
            for (int k = 0; k < sketch_.features; ++k) row[static_cast<std::size_t>(k)] = sketch_.columns[k][r];
            const double x = value_at(u, u.root(), row.data());
            if (std::isfinite(x)) v.push_back(x);
        }
        return v.empty() ? Scale{} : scale_of(v);
    };
    std::vector<std::vector<Tree>> of_plain;
    for (const Tree& u : plain) {
        std::vector<Tree> made;
        families(u, scale(u), m, made);
        for (const Tree& t : made) all.add(t);
        of_plain.push_back(std::move(made));
    }
    const auto times = [&](const Tree& a, const Tree& b) {
        Tree t;
        if (t.append(a, a.root()) && t.append(b, b.root()) && t.apply(Op::Multiply)) all.add(t);
    };
    for (const Tree& u : combined) {
        std::vector<Tree> made;
        families(u, scale(u), m, made);
        for (const Tree& t : made) all.add(t);
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
        families(u, scale(u), m, made);
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
    build(options, mutator, limit);

    store_.resize(static_cast<std::size_t>(size()) * kSketch + 16);
    values_ = reinterpret_cast<float*>((reinterpret_cast<std::size_t>(store_.data()) + 63) & ~static_cast<std::size_t>(63));
    Buffer v(static_cast<std::size_t>(kSketch));
    int kept = 0;
    std::vector<Node> nodes;
    std::vector<int> begin{0};
    std::vector<std::uint64_t> shapes;
    for (int k = 0; k < size(); ++k) {
        Tree t;
        atom(k, t);
        e.values(t, t.root(), sketch_, v.data());
        double mean = 0.0, norm = 0.0, weight = 0.0;
        for (int r = 0; r < sketch_.rows; ++r) {
            const double w = sketch_.root_weight[r];
            weight += w * w;
            mean += w * w * v[r];
        }
        mean /= weight;
        for (int r = 0; r < sketch_.rows; ++r) norm += sketch_.root_weight[r] * sketch_.root_weight[r] * (v[r] - mean) * (v[r] - mean);
        norm = std::sqrt(norm);
        if (!(norm > 1e-9 * std::fabs(mean)) || !(norm < 1e100) || norm < 1e-100) continue;
        float* to = values_ + static_cast<std::size_t>(kept) * kSketch;
        for (int r = 0; r < kSketch; ++r)
            to[r] = r < sketch_.rows ? static_cast<float>(sketch_.root_weight[r] * (v[r] - mean) / norm) : 0.0f;
        nodes.insert(nodes.end(), t.nodes, t.nodes + t.size);
        begin.push_back(static_cast<int>(nodes.size()));
        shapes.push_back(shape_[static_cast<std::size_t>(k)]);
        ++kept;
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

void Dictionary::correlate(const Kernel& kernel, const double* residual, int first, int count, float* out) const {
    float r[kSketch];
    double norm = 0.0;
    for (int i = 0; i < sketch_.rows; ++i) norm += residual[i] * residual[i];
    norm = norm > 0.0 ? 1.0 / std::sqrt(norm) : 0.0;
    for (int i = 0; i < kSketch; ++i) r[i] = i < sketch_.rows ? static_cast<float>(residual[i] * norm) : 0.0f;
    kernel.correlate(values_ + static_cast<std::size_t>(first) * kSketch, count, r, out);
    for (int i = 0; i < count; ++i) out[i] = std::fabs(out[i]);
}

namespace {

/// The `wanted` atoms best correlated with the residual of `m` (null: of the mean), at most `per_shape` of a shape.
std::vector<int> best_atoms(const Dictionary& d, Evaluator& e, const Member* m, int wanted, int per_shape) {
    Buffer r(static_cast<std::size_t>(kSketch));
    const Data& s = d.sketch();
    if (m) {
        e.residual(*m, s, r.data());
    } else {
        double mean = 0.0, weight = 0.0;
        for (int i = 0; i < s.rows; ++i) { mean += s.root_weight[i] * s.target[i]; weight += s.root_weight[i] * s.root_weight[i]; }
        for (int i = 0; i < s.rows; ++i) r[i] = s.target[i] - s.root_weight[i] * mean / weight;
    }
    std::vector<float> c(static_cast<std::size_t>(d.size()));
    d.correlate(e.kernel(), r.data(), 0, d.size(), c.data());
    std::vector<int> order(c.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
    const std::size_t head = std::min(order.size(), static_cast<std::size_t>(wanted) * 8);
    const auto before = [&](int a, int b) { return c[static_cast<std::size_t>(a)] != c[static_cast<std::size_t>(b)] ? c[static_cast<std::size_t>(a)] > c[static_cast<std::size_t>(b)] : a < b; };
    std::partial_sort(order.begin(), order.begin() + static_cast<long>(head), order.end(), before);
    std::vector<int> out;
    for (std::size_t i = 0; i < head && static_cast<int>(out.size()) < wanted; ++i) {
        int like = 0;
        for (int k : out) like += d.shape_of(k) == d.shape_of(order[i]);
        if (like < per_shape) out.push_back(order[i]);
    }
    return out;
}

bool with_atom(const Options& options, const Dictionary& d, const Member* m, int k, Tree& out) {
    Tree atom, sum;
    d.atom(k, atom);
    if (!m) return normalise(atom, options.terms, out);
    return sum.append(m->tree, m->tree.root()) && sum.append(atom, atom.root()) && sum.apply(Op::Add) &&
           normalise(sum, options.terms, out);
}

}  // namespace

void sparse_regression(const Options& options, const Data& data, const Dictionary& dictionary, Evaluator& e, Hall& hall) {
    if (dictionary.size() == 0) return;
    const auto best_of = [&](const Member* from, const std::vector<int>& atoms, int polished) {
        std::vector<Member> tried;
        for (int k : atoms) {
            Member t;
            if (e.stopped() || !with_atom(options, dictionary, from, k, t.tree) || !e.assess(t, data)) continue;
            if (t.complexity <= options.max_size) tried.push_back(t);
        }
        std::stable_sort(tried.begin(), tried.end(), [](const Member& a, const Member& b) { return a.loss < b.loss; });
        for (std::size_t i = 0; i < tried.size(); ++i) {
            if (static_cast<int>(i) < polished && e.polish(tried[i], data, 6)) e.assess(tried[i], data);
            if (tried[i].complexity <= options.max_size) hall.offer(tried[i]);
        }
        std::stable_sort(tried.begin(), tried.end(), [](const Member& a, const Member& b) { return a.loss < b.loss; });
        return tried;
    };
    const std::vector<Member> starts = best_of(nullptr, best_atoms(dictionary, e, nullptr, 48, 2), 12);
    const int paths = std::min<int>(6, static_cast<int>(starts.size()));
    for (int p = 0; p < paths; ++p) {
        Member m = starts[static_cast<std::size_t>(p)];
        for (int step = 1; step < options.terms && !e.stopped(); ++step) {
            if (m.loss <= options.target) return;
            const std::vector<Member> next = best_of(&m, best_atoms(dictionary, e, &m, 24, 2), 4);
            if (next.empty() || !(next[0].loss < 0.97 * m.loss)) break;
            m = next[0];
        }
        if (m.loss <= options.target) return;
    }
}

}  // namespace nde
