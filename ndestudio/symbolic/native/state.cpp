#include "state.hpp"

#include <cmath>

namespace nde {
namespace {

[[noreturn]] void damaged() { throw std::invalid_argument("the checkpoint is damaged"); }

}  // namespace

void Writer::put(const Tree& t) {
    put(t.size);
    for (int i = 0; i < t.size; ++i) {
        put(static_cast<std::uint8_t>(t.nodes[i].op));
        put(t.nodes[i].feature);
        put(t.nodes[i].value);
    }
}

void Writer::put(const Individual& m) {
    put(m.tree);
    put(m.terms);
    put(m.targets);
    for (int t = 0; t < m.targets; ++t) {
        put(static_cast<std::uint8_t>(m.fit[t].intercept));
        for (double c : m.fit[t].coefficient) put(c);
        put(m.fit[t].constant);
        put(m.fit[t].loss);
    }
    put(m.loss);
    put(m.fitness);
    put(m.criterion);
    put(m.complexity);
    put(m.hash);
    put(m.born);
    for (double v : m.offset) put(v);
    for (double v : m.parameter) put(v);
    put(m.offsets);
    put(static_cast<std::uint8_t>(m.begun));
}

std::size_t Reader::count(std::size_t most) {
    const auto n = get<std::uint64_t>();
    if (n > most) damaged();
    return static_cast<std::size_t>(n);
}

Tree Reader::tree() {
    Tree t;
    const int size = get<int>();
    if (size < 0 || size > kMaxNodes) damaged();
    for (int i = 0; i < size; ++i) {
        Node n;
        const auto op = get<std::uint8_t>();
        if (op >= kOps) damaged();
        n.op = static_cast<Op>(op);
        n.feature = get<std::uint16_t>();
        n.value = get<double>();
        if (n.op == Op::Variable && n.feature >= features_) damaged();
        t.push(n);
    }
    if (size > 0 && !measure(t)) damaged();
    return t;
}

Individual Reader::individual() {
    Individual m;
    m.tree = tree();
    m.terms = get<int>();
    m.targets = get<int>();
    if (m.targets < 1 || m.targets > kMaxTargets) damaged();
    for (int t = 0; t < m.targets; ++t) {
        m.fit[t].intercept = get<std::uint8_t>() != 0;
        for (double& c : m.fit[t].coefficient) c = get<double>();
        m.fit[t].constant = get<double>();
        m.fit[t].loss = get<double>();
    }
    m.loss = get<double>();
    m.fitness = get<double>();
    m.criterion = get<double>();
    m.complexity = get<int>();
    m.hash = get<std::uint64_t>();
    m.born = get<std::uint64_t>();
    for (double& v : m.offset) v = get<double>();
    for (double& v : m.parameter) v = get<double>();
    m.offsets = get<unsigned>();
    m.begun = get<std::uint8_t>() != 0;
    int roots[kMaxTerms];
    if (m.complexity < 0 || std::isnan(m.loss) || std::isnan(m.fitness) || std::isnan(m.criterion)) damaged();
    if (m.tree.size > 0 && m.terms != term_roots(m.tree, roots)) damaged();
    return m;
}

void write_hall_of_fame(Writer& w, const HallOfFame& hall_of_fame) {
    w.put(static_cast<std::uint64_t>(hall_of_fame.slots().size()));
    for (const Individual& m : hall_of_fame.slots()) w.put(m);
}

void read_hall_of_fame(Reader& r, HallOfFame& hall_of_fame, int targets) {
    if (r.count(hall_of_fame.slots().size()) != hall_of_fame.slots().size()) damaged();
    for (Individual& m : hall_of_fame.slots()) {
        m = r.individual();
        if (m.tree.size > 0 && m.targets != targets) damaged();
    }
}

void Island::write(Writer& w) const {
    w.put(static_cast<std::uint64_t>(individuals.size()));
    for (const Individual& m : individuals) w.put(m);
    write_hall_of_fame(w, hall_of_fame);
    w.put(random.key);
    w.put(random.counter);
    w.put(evaluations);
    w.put(repeats);
    w.put(clock);
    for (double v : reward) w.put(v);
    for (double v : frequency) w.put(v);
    for (const Known& k : cache_) w.put(k.hash);
}

void Island::read(Reader& r, const Options& options, int targets) {
    individuals.resize(r.count(static_cast<std::size_t>(options.individuals)));
    for (Individual& m : individuals) {
        m = r.individual();
        if (m.tree.size == 0 || m.targets != targets || m.complexity > options.max_size) damaged();
    }
    read_hall_of_fame(r, hall_of_fame, targets);
    random.key = r.get<std::uint64_t>();
    random.counter = r.get<std::uint64_t>();
    evaluations = r.get<std::uint64_t>();
    repeats = r.get<std::uint64_t>();
    clock = r.get<std::uint64_t>();
    for (double& v : reward) v = r.get<double>();
    for (double& v : frequency) v = r.get<double>();
    for (double v : frequency)
        if (!(v >= 0.0)) damaged();
    for (Known& k : cache_) k.hash = r.get<std::uint64_t>();
}

}  // namespace nde
