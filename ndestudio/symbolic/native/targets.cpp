#include "targets.hpp"

#include <algorithm>
#include <cmath>

#include "simplify.hpp"

namespace nde {
namespace {

constexpr std::size_t kChoices = 3;

/// The individuals of a hall of fame that are worth most, by their criterion.
std::vector<Individual> choices(const HallOfFame& hall_of_fame) {
    std::vector<Individual> out;
    for (const Individual& m : hall_of_fame.slots())
        if (std::isfinite(m.loss) && m.terms > 0) out.push_back(m);
    std::stable_sort(out.begin(), out.end(), [](const Individual& a, const Individual& b) { return a.criterion < b.criterion; });
    if (out.size() > kChoices) out.resize(kChoices);
    return out;
}

bool alike(const Tree& t, int i, int j, double tolerance) {
    if (shape(t, i) != shape(t, j) || t.nodes[i].length != t.nodes[j].length) return false;
    for (int a = t.begin(i), b = t.begin(j); a <= i; ++a, ++b) {
        const Node &p = t.nodes[a], &q = t.nodes[b];
        if (p.op != q.op || p.feature != q.feature) return false;
        if (p.op == Op::Constant && std::fabs(p.value - q.value) > tolerance * std::max(std::fabs(p.value), std::fabs(q.value))) return false;
    }
    return true;
}

bool merge(const Tree& tree, double tolerance, Tree& out) {
    int roots[kMaxTerms];
    const int n = term_roots(tree, roots);
    bool keep[kMaxTerms];
    for (int k = 0; k < n; ++k) {
        keep[k] = true;
        for (int j = 0; j < k; ++j) keep[k] &= !(keep[j] && alike(tree, roots[j], roots[k], tolerance));
    }
    return select_terms(tree, keep, out);
}

bool unite(const std::vector<const Individual*>& individuals, int limit, Tree& out) {
    Tree raw;
    for (const Individual* m : individuals)
        if (!raw.append(m->tree, m->tree.root()) || (m != individuals.front() && !raw.apply(Op::Add))) return false;
    return normalise(raw, limit, out);
}

}  // namespace

void join_targets(const std::vector<HallOfFame>& alone, const Options& options, const Data& data, Evaluator& e, HallOfFame& hall_of_fame) {
    std::vector<std::vector<Individual>> found;
    for (const HallOfFame& h : alone) found.push_back(choices(h));
    std::vector<const Individual*> best;
    for (const auto& of_target : found)
        if (!of_target.empty()) best.push_back(&of_target.front());
    const auto offer_union = [&](const std::vector<const Individual*>& individuals) {
        Tree tree;
        if (!unite(individuals, options.terms, tree)) return;
        for (double tolerance : {1e-3, 0.2}) {
            Individual m;
            if (e.stopped() || !merge(tree, tolerance, m.tree) || !permitted(m.tree, options) || !e.assess(m, data)) continue;
            if (e.optimise_constants(m, data, 10)) e.assess(m, data);
            if (m.complexity <= options.max_size) offer(hall_of_fame, m, data, e);
        }
    };
    if (best.empty()) return;
    for (std::size_t t = 0; t < best.size() && !e.stopped(); ++t) offer_union({best[t]});
    offer_union(best);
    std::size_t at = 0;
    for (const auto& of_target : found) {
        if (of_target.empty()) continue;
        for (std::size_t k = 1; k < of_target.size() && !e.stopped(); ++k) {
            std::vector<const Individual*> other = best;
            other[at] = &of_target[k];
            offer_union(other);
        }
        ++at;
    }
}

}  // namespace nde
