#include "island.hpp"

#include <algorithm>
#include <cmath>

#include "simplify.hpp"

namespace nde {
namespace {

constexpr int kCache = 1 << 12;

// How often each move is tried before anything is learned; the order is that of Move.
constexpr double kPrior[kMoves] = {1.0, 0.8, 0.6, 1.5, 1.0, 0.8, 0.3, 0.2, 0.8, 0.15, 0.7, 0.6, 1.0, 0.8, 0.2, 1.0, 0.6, 0.0};

/// How deep transcendental functions stand within one another; laws seldom go beyond one.
int nesting(const Tree& t) {
    int at[kMaxNodes], most = 0;
    for (int k = 0; k < t.size; ++k) {
        const Op op = t.nodes[k].op;
        const int n = arity(op);
        at[k] = 0;
        if (n >= 1) at[k] = at[t.first(k)];
        if (n == 2) at[k] = std::max(at[k], at[k - 1]);
        at[k] += op == Op::Exp || op == Op::Log || op == Op::Sin || op == Op::Cos || op == Op::Tan || op == Op::Tanh;
        most = std::max(most, at[k]);
    }
    return most;
}

}  // namespace

Island::Island(const Options& options, int number)
    : hall_of_fame(options.max_size), random(options.seed, static_cast<std::uint64_t>(number) + 1), frequency(static_cast<std::size_t>(options.max_size) + 2, 1.0), cache_(kCache) {
    std::fill(reward, reward + kMoves + 1, 0.05);
    frequency.back() = static_cast<double>(frequency.size() - 1);
}

double Island::score(const Context& c, const Individual& m) const {
    const double sum = frequency.back();
    return m.fitness + c.options.parsimony * frequency[static_cast<std::size_t>(m.complexity)] / sum;
}

int Island::tournament(const Context& c) {
    int best = -1;
    double least = 0.0;
    const int n = std::min<int>(c.options.tournament, static_cast<int>(individuals.size()));
    for (int k = 0; k < n; ++k) {
        const int i = random.below(static_cast<int>(individuals.size()));
        const double s = score(c, individuals[static_cast<std::size_t>(i)]);
        if (best < 0 || s < least) { best = i; least = s; }
        if (random.chance(0.08)) break;
    }
    return best;
}

int Island::oldest() const {
    int at = 0;
    for (std::size_t i = 1; i < individuals.size(); ++i)
        if (individuals[i].born < individuals[static_cast<std::size_t>(at)].born) at = static_cast<int>(i);
    return at;
}

void Island::immigrate(const Individual& m) {
    Individual copy = m;
    copy.born = ++clock;
    individuals[static_cast<std::size_t>(oldest())] = copy;
}

Move Island::choose_move(const Context& c, const Tree& tree) {
    double weight[kMoves], sum = 0.0, mean = 0.0;
    for (int i = 0; i < kMoves; ++i) mean += reward[i] / kMoves;
    for (int i = 0; i < kMoves; ++i) {
        weight[i] = kPrior[i] > 0.0 && c.mutator.applies(static_cast<Move>(i), tree) ? kPrior[i] * (0.3 + 0.7 * std::min(4.0, reward[i] / mean)) : 0.0;
        sum += weight[i];
    }
    double u = random.uniform() * sum;
    for (int i = 0; i < kMoves; ++i)
        if ((u -= weight[i]) < 0.0) return static_cast<Move>(i);
    return Move::Randomise;
}

bool Island::make_child(const Context& c, Evaluator& e, const Individual& parent, Move move, double temperature, Tree& child) {
    if (move < Move::Simplify) return c.mutator.change(move, parent.tree, temperature, random, child);
    const Dictionary& d = c.dictionary;
    if (move == Move::Simplify) return simplify(parent.tree, c.options, random.chance(0.5), child);
    if (d.size() == 0) return false;
    Individual base = parent;
    if (move == Move::Exchange) {  // give up the term that matters least, or any, for one that the residual asks for
        if (parent.terms < 2) return false;
        bool keep[kMaxTerms];
        std::fill(keep, keep + kMaxTerms, true);
        keep[random.below(parent.terms)] = false;
        if (!select_terms(parent.tree, keep, base.tree)) return false;
        if (e.formula_template()) inherit(base, parent);
        if (!e.assess(base, c.data, false)) return false;
    }
    constexpr int kLook = 512;
    const int count = std::min(kLook, d.size());
    const int first = random.below(d.size() - count + 1);
    float gain[kLook];
    d.gains(e, c.sketch, &base, first, count, gain);
    int best = 0;
    for (int k = 0; k < 4; ++k) {  // not always the best of all
        const int skip = random.below(count);
        gain[skip] = 0.0f;
    }
    for (int i = 1; i < count; ++i)
        if (gain[i] > gain[best]) best = i;
    Tree atom, sum;
    d.atom(first + best, atom);
    if (!sum.append(base.tree, base.tree.root()) || !sum.append(atom, atom.root()) || !sum.apply(Op::Add)) return false;
    child = sum;
    return true;
}

bool Island::admit(const Context& c, Evaluator& e, const Tree& raw, Individual& child, const Individual* parent) {
    const double parent_loss = parent ? parent->loss : INFINITY;
    const bool fresh = parent != nullptr;
    Individual m;
    if (!normalise(raw, c.options.terms, m.tree)) return false;
    if (e.formula_template()) {
        if (!assigned(m.tree, c.options.formula_template) && !assign(m.tree, c.options.formula_template, c.options.terms, random, m.tree)) return false;
        if (parent) inherit(m, *parent);
    }
    int least = 0;
    for (int i = 0; i < m.tree.size; ++i) least += c.options.cost[index(m.tree.nodes[i].op)];
    if (least > c.options.max_size) return false;
    if (!permitted(m.tree, c.options) && !(c.mutator.mend(m.tree, random, m.tree) && permitted(m.tree, c.options))) return false;
    const int nested = nesting(m.tree);
    if (nested > 1 && random.chance(nested == 2 ? 0.8 : 0.97)) return false;
    m.hash = hash(m.tree, m.tree.root());
    Known& known = cache_[m.hash & (kCache - 1)];
    if (known.hash == m.hash) {
        ++repeats;
        return false;
    }
    known.hash = m.hash;
    if (!e.assess(m, c.data)) return false;
    const bool promising = m.loss < 3.0 * parent_loss;
    if (random.chance(fresh && promising ? 3.0 * c.options.optimise : c.options.optimise)) {
        if (e.optimise_constants(m, c.data, 3)) e.assess(m, c.data);
    }
    if (m.complexity > c.options.max_size || !std::isfinite(m.loss) || !presentable(m, c.data, c.options)) return false;
    if (m.loss < 0.1 * parent_loss && imitates(m.tree, c.data)) return false;
    child = m;
    return true;
}

void Island::fill(const Context& c, Evaluator& e) {
    const std::uint64_t before = e.evaluations;
    const int target = c.options.individuals;
    for (int attempt = 0; static_cast<int>(individuals.size()) < target && attempt < 200 * target && !e.stopped(); ++attempt) {
        Tree raw;
        if (c.dictionary.size() > 0 && random.chance(0.5)) c.dictionary.atom(random.below(c.dictionary.size()), raw);
        else if (!c.mutator.grow(1 + random.below(7), random, raw)) continue;
        Individual m;
        if (!admit(c, e, raw, m, nullptr)) continue;
        m.born = ++clock;
        offer(hall_of_fame, m, c.data, e);
        individuals.push_back(m);
    }
    if (individuals.empty()) {  // nothing but the mean could be evaluated
        Individual m;
        m.tree.variable(0);
        m.terms = 1;
        m.targets = c.data.targets;
        m.loss = 1.0;
        m.fitness = 0.0;
        m.complexity = 1;
        individuals.push_back(m);
    }
    while (static_cast<int>(individuals.size()) < target) individuals.push_back(individuals[static_cast<std::size_t>(random.below(static_cast<int>(individuals.size())))]);
    evaluations += e.evaluations - before;
}

void Island::run(const Context& c, Evaluator& e, int children, double temperature) {
    const std::uint64_t before = e.evaluations;
    for (int n = 0; n < children && !e.stopped(); ++n) {
        const Individual& parent = individuals[static_cast<std::size_t>(tournament(c))];
        const double parent_fitness = parent.fitness;
        const int parent_complexity = parent.complexity;
        Tree raw;
        int kind = kMoves;
        bool made;
        if (random.chance(c.options.crossover)) {
            const Individual& other = individuals[static_cast<std::size_t>(tournament(c))];
            made = c.mutator.cross(parent.tree, other.tree, random, raw);
        } else {
            const Move move = choose_move(c, parent.tree);
            kind = static_cast<int>(move);
            made = make_child(c, e, parent, move, temperature, raw);
        }
        Individual child;
        const bool good = made && admit(c, e, raw, child, &parent);
        const bool first = good && offer(hall_of_fame, child, c.data, e);
        const bool better = good && child.fitness < parent_fitness - 1e-3;
        reward[kind] += 0.01 * ((first ? 1.0 : better ? 0.5 : 0.0) - reward[kind]);
        if (reward[kind] < 0.002) reward[kind] = 0.002;
        if (!good) continue;
        const double sum = frequency.back();
        const double crowd = (frequency[static_cast<std::size_t>(parent_complexity)] + 1e-3 * sum) / (frequency[static_cast<std::size_t>(child.complexity)] + 1e-3 * sum);
        const double fall = child.fitness - parent_fitness;
        const double p = std::exp(-fall / (1e-3 + c.options.temperature * temperature)) * crowd;
        if (!first && !random.chance(p)) continue;
        child.born = ++clock;
        individuals[static_cast<std::size_t>(oldest())] = child;
        frequency[static_cast<std::size_t>(child.complexity)] += 1.0;
        frequency.back() += 1.0;
        if (frequency.back() > 4000.0) {
            double total = 0.0;
            for (std::size_t i = 0; i + 1 < frequency.size(); ++i) total += frequency[i] *= 0.9;
            frequency.back() = total;
        }
    }
    // a share of the individuals gets its constants optimised
    const int optimised = std::max(1, static_cast<int>(individuals.size()) * 15 / 100);
    for (int k = 0; k < optimised && !e.stopped(); ++k) {
        Individual& m = individuals[static_cast<std::size_t>(random.below(static_cast<int>(individuals.size())))];
        Individual better = m;
        if (e.optimise_constants(better, c.data, 8) && e.assess(better, c.data) && better.fitness < m.fitness && better.complexity <= c.options.max_size &&
            presentable(better, c.data, c.options)) {
            better.born = m.born;
            offer(hall_of_fame, better, c.data, e);
            m = better;
        }
    }
    evaluations += e.evaluations - before;
}

}  // namespace nde
