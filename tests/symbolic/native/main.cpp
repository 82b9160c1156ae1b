// Tests of the search engine below Python: `evolution_tests` runs all, `evolution_tests fuzz N` random trees on bad data.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "form.hpp"
#include "search.hpp"
#include "state.hpp"
#include "simplify.hpp"

using namespace nde;

namespace {

int failures = 0;

#define CHECK(condition)                                                      \
    do {                                                                      \
        if (!(condition)) {                                                   \
            std::printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
            ++failures;                                                       \
        }                                                                     \
    } while (false)

Options everything() {
    Options o;
    for (int i = 2; i < kOps; ++i) o.allowed[i] = true;
    o.cost[index(Op::Square)] = o.cost[index(Op::Cube)] = o.cost[index(Op::Inverse)] = 2;
    return o;
}

Data samples(Random& random, int rows, int features, bool bad, bool weights, int targets = 1, bool formula_template = false, int hidden = 0) {
    std::vector<double> X(static_cast<std::size_t>(rows * (features + hidden))), y(static_cast<std::size_t>(rows * targets)), w(static_cast<std::size_t>(rows), 1.0);
    const double odd[] = {0.0, -0.0, 1e308, -1e308, 5e-324, 1e-310, 1e150, std::numeric_limits<double>::infinity(),
                          -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN(), 1e9, -1e9};
    for (double& v : X) v = bad && random.chance(0.05) ? odd[random.below(12)] : random.normal() * 3.0;
    for (double& v : y) v = random.normal();
    if (weights)
        for (double& v : w) v = random.chance(0.2) ? 0.0 : random.uniform(0.1, 2.0);
    return Data::make(X.data(), y.data(), weights ? w.data() : nullptr, rows, features, targets, formula_template, hidden);
}

void trees() {
    Tree t;
    CHECK(parse("x0 2 * x1 sin + 3 -", t));
    CHECK(text(t) == "x0 2 * x1 sin + 3 -");
    CHECK(!parse("x0 +", t) && !parse("x0 x1", t) && !parse("x0 foo", t) && !parse("", t));
    Tree a, b;
    parse("x0 x1 + sin", a);
    parse("x1 x0 + sin", b);
    CHECK(hash(a, a.root()) == hash(b, b.root()));
    parse("x0 x1 -", a);
    parse("x1 x0 -", b);
    CHECK(hash(a, a.root()) != hash(b, b.root()));
    Tree full;
    full.variable(0);
    while (full.size < kMaxNodes) CHECK(full.apply(Op::Sin));
    CHECK(!full.apply(Op::Sin) && !full.variable(0) && depth(full, full.root()) == kMaxNodes);
}

void normal_form() {
    Tree t, n;
    parse("x0 2 * x1 3 - - x0 + 5 +", t);
    CHECK(normalise(t, 6, n));
    int roots[kMaxTerms];
    CHECK(term_roots(n, roots) == 2);
    parse("3 4 +", t);
    CHECK(!normalise(t, 6, n));
    parse("x0 x0 * 2 /", t);
    CHECK(normalise(t, 6, n) && text(n) == "x0 square");
}

void simplifier() {
    Options o = everything();
    const auto simple = [&](const char* from) {
        Tree t, out;
        parse(from, t);
        write(shortest(form_of(t, t.root()), o), o, true, out);
        return text(out);
    };
    CHECK(simple("x0 x0 +") == "2 x0 *");
    CHECK(simple("x0 x0 -") == "0");
    CHECK(simple("x0 x0 /") == "1");
    CHECK(simple("x0 exp log") == "x0");
    CHECK(simple("x0 neg sin neg") == "x0 sin");
    CHECK(simple("x0 square sqrt x0 square sqrt *") == "x0 square");
    CHECK(simple("3 3 x0 * 1 x0 + / -") == "3 x0 1 + /");
    CHECK(simple("10 x0 * 10 x1 * -").size() == std::string("10 x0 x1 - *").size());
    CHECK(simple("x0 exp x1 exp *").find("exp") == simple("x0 exp x1 exp *").rfind("exp"));
}

/// Forms keep the value of the tree they are made of.
void simplifier_keeps_values(int trials) {
    Random random(7, 1);
    Options o = everything();
    const Data d = samples(random, 64, 3, false, false);
    Mutator m(o, d);
    int compared = 0;
    for (int k = 0; k < trials; ++k) {
        Tree t, out;
        if (!m.grow(3 + random.below(14), random, t)) continue;
        const Form f = form_of(t, t.root());
        if (!write(random.chance(0.5) ? shortest(f, o) : expanded(f), o, random.chance(0.5), out)) continue;
        double row[3] = {random.uniform(0.2, 2.0), random.uniform(0.2, 2.0), random.uniform(0.2, 2.0)};
        const double before = value_at(t, t.root(), row), after = value_at(out, out.root(), row);
        bool large = false;  // where intermediate values overflow or cancel, rewriting may differ
        for (int i = 0; i < t.size; ++i) large |= !(std::fabs(value_at(t, i, row)) < 1e4) || std::fabs(value_at(t, i, row)) < 1e-4;
        for (int i = 0; i < out.size; ++i) large |= !(std::fabs(value_at(out, i, row)) < 1e6);
        if (large || !std::isfinite(before)) continue;
        ++compared;
        const bool close = std::fabs(before - after) <= 1e-7 * (1.0 + std::fabs(before));
        CHECK(close);
        if (!close) std::printf("  %s  ->  %s: %g, %g\n", text(t).c_str(), text(out).c_str(), before, after);
    }
    CHECK(compared > trials / 10);
}

void gradients() {
    Random random(11, 1);
    Options o = everything();
    const Data d = samples(random, 300, 2, false, true);
    Evaluator e(*select_kernel(), o, nullptr);
    for (const char* from : {"x0 0.7 * exp 2 +", "x0 1.3 * sin x1 0.4 + tanh *", "x0 square 1.7 + sqrt", "x0 abs 0.5 + 1.4 ^", "x0 abs 2.1 + log x1 square 1.1 + /"}) {
        Tree t;
        parse(from, t);
        Individual m;
        CHECK(normalise(t, 6, m.tree));
        // y from the tree with other constants: optimising must find them
        Tree truth = m.tree;
        for (int i = 0; i < truth.size; ++i)
            if (truth.nodes[i].op == Op::Constant && truth.nodes[i].value != 2.0) truth.nodes[i].value *= 1.15;
        std::vector<double> X(600), y(300);
        for (int r = 0; r < 300; ++r) {
            for (int k = 0; k < 2; ++k) X[static_cast<std::size_t>(2 * r + k)] = d.columns[static_cast<std::size_t>(k)][r];
            y[static_cast<std::size_t>(r)] = 3.0 * value_at(truth, truth.root(), &X[static_cast<std::size_t>(2 * r)]) - 1.0;
        }
        const Data own = Data::make(X.data(), y.data(), nullptr, 300, 2);
        CHECK(e.assess(m, own));
        e.optimise_constants(m, own, 60);
        CHECK(m.loss < 1e-20);
        if (!(m.loss < 1e-20)) std::printf("  %s: %g\n", from, m.loss);
    }
}

/// Units and constraints at random.
void restrict_randomly(Options& o, int features, int targets, Random& random) {
    if (random.chance(0.3)) {
        o.constrained = true;
        for (int i = 2; i < kOps; ++i) {
            for (int& limit : o.argument_limit[i]) limit = random.chance(0.3) ? 1 + random.below(5) : -1;
            for (int& limit : o.nested_limit[i]) limit = random.chance(0.1) ? random.below(2) : -1;
        }
    }
    if (random.chance(0.5)) return;
    o.dimensional = true;
    o.wildcards = random.chance(0.5);
    for (int t = 0; t < targets; ++t) o.target_known.push_back(random.chance(0.7));
    if (!o.wildcards) o.target_known.assign(static_cast<std::size_t>(targets), 1);
    const auto exponent = [&] { return random.chance(0.5) ? 0.0 : random.below(5) - 2.0; };
    for (int k = 0; k < features; ++k) {
        o.feature_known.push_back(random.chance(0.8));
        for (int d = 0; d < kDimensions; ++d) o.feature_dimension.push_back(d < 3 ? exponent() : 0.0);
    }
    o.target_dimension.resize(static_cast<std::size_t>(targets * kDimensions));
    for (int t = 0; t < targets; ++t)
        for (int d = 0; d < 3; ++d) {
            double& own = o.target_dimension[static_cast<std::size_t>(t * kDimensions + d)];
            own = o.wildcards || t == 0 ? exponent() : o.target_dimension[static_cast<std::size_t>(d)];
        }
}

void dimensions() {
    Options o = everything();
    o.dimensional = true;
    o.target_known = {1};
    o.target_dimension.resize(kDimensions);
    o.feature_known = {1, 1, 1, 0};
    o.feature_dimension.resize(4 * kDimensions);
    o.feature_dimension[0] = 1.0;                                                    // x0: m
    o.feature_dimension[kDimensions + 1] = 1.0;                                      // x1: s
    o.feature_dimension[2 * kDimensions] = 1.0;                                      // x2: m/s^2
    o.feature_dimension[2 * kDimensions + 1] = -2.0;
    o.target_dimension[1] = 1.0;
    const auto holds = [&](const char* from) {
        Tree t;
        CHECK(parse(from, t));
        return formula_permitted(t, 0, o);
    };
    CHECK(holds("x0 x2 / sqrt") && holds("x1 x0 x2 / sqrt +") && holds("2 x0 *") && holds("x1 x0 x1 / x3 * +") && holds("x1 2 ^ 0.5 ^"));
    CHECK(!holds("x0") && !holds("x0 x1 +") && !holds("x1 sin") && !holds("x1 x0 exp *") && !holds("x1 x1 ^") && !holds("x0 x1 min"));
    CHECK(holds("2 x0 * sin x1 *") && holds("x0 3 x1 * + 2 *") && !holds("x0 x0 + x1 +"));
    o.wildcards = false;
    CHECK(!holds("2 x0 *") && holds("2 x1 *") && !holds("2 x0 * sin x1 *") && holds("x0 x2 / sqrt 3 *") && !o.intercept());
    const Data d = [] {
        Random random(5, 5);
        return samples(random, 50, 4, false, false);
    }();
    Mutator m(o, d);
    Random random(2, 2);
    int mended = 0;
    for (int k = 0; k < 200; ++k) {
        Tree t, n;
        if (!m.grow(2 + random.below(6), random, t) || !normalise(t, 6, n) || permitted(n, o)) continue;
        if (!m.mend(n, random, n)) continue;
        ++mended;
        CHECK(permitted(n, o));
    }
    CHECK(mended > 20);
}

/// A known part with up to three unknown functions, at random.
FormulaTemplate random_formula_template(Random& random, int features, int hidden) {
    FormulaTemplate s;
    s.functions = 1 + random.below(std::min(3, features));
    s.parameters = random.below(3);
    for (int k = 0; k < features; ++k) s.source.push_back(random.below(2));
    for (int j = 1; j < s.functions; ++j) s.first[j] = j;
    s.first[s.functions] = features;
    s.columns = features + hidden;
    std::fill_n(s.offset, kMaxFunctions, 1.0);
    std::fill_n(s.parameter, kMaxParameters, 1.0);
    Options o = everything();
    Random own(random.next(), 4);
    const Data columns = samples(own, 8, s.columns + s.functions + s.parameters, false, false);
    Mutator m(o, columns);
    m.grow(5, random, s.tree);
    for (int k = 0; k < s.functions + s.parameters; ++k) {
        const Op op = random.chance(0.5) ? Op::Add : random.chance(0.5) ? Op::Multiply : Op::Divide;
        s.tree.variable(s.columns + k);
        s.tree.apply(op);
    }
    return s;
}

/// y = p x0 + f(x1) g(x2), and f(x1) / (p + x0) with noise of 1e150 beside it.
void formula_templates() {
    Random random(5, 1);
    const int rows = 200;
    Options o = everything();
    o.formula_template.functions = 2;
    o.formula_template.parameters = 1;
    o.formula_template.first[1] = 1;
    o.formula_template.first[2] = 2;
    o.formula_template.source = {0, 1};
    o.formula_template.columns = 3;
    std::fill_n(o.formula_template.offset, kMaxFunctions, 1.0);
    o.formula_template.parameter[0] = 1.0;
    CHECK(parse("x5 x2 * x3 x4 * +", o.formula_template.tree));
    std::vector<double> X, y;
    for (int r = 0; r < rows; ++r) {
        const double a = random.uniform(0.5, 3.0), b = random.uniform(0.5, 3.0), x = random.uniform(0.5, 3.0);
        X.insert(X.end(), {a, b, x});
        y.push_back(0.7 * x + (a * a + 1.0) * std::exp(-0.8 * b));
    }
    const Data d = Data::make(X.data(), y.data(), nullptr, rows, 2, 1, true, 1);
    Evaluator e(*select_kernel(), o, nullptr);
    e.formula_template()->find_start(d, o.formula_template);
    Tree t;
    Individual m;
    CHECK(parse("x0 square x1 0.5 * neg exp +", t) && normalise(t, 6, m.tree) && permitted(m.tree, o));
    CHECK(e.assess(m, d, false));
    for (int round = 0; round < 5; ++round) e.optimise_constants(m, d, 40);
    CHECK(e.assess(m, d));
    CHECK(m.loss < 1e-20 && m.terms == 2);
    Simplified out;
    CHECK(simplify_individual(m, d, e, out) && out.written.functions.size() == 2 && out.loss < 1e-20);
    CHECK(std::fabs(out.written.parameters[0] - 0.7) < 1e-9);
    CHECK(parse("x0 x1 *", t) && normalise(t, 6, m.tree) && !permitted(m.tree, o));
    CHECK(assign(m.tree, o.formula_template, 6, random, m.tree) && permitted(m.tree, o) && text(m.tree) == "x0 square");
}

void kernels_agree() {
    Random random(3, 1);
    Options o = everything();
    const Data d = samples(random, 200, 3, false, false);
    Mutator m(o, d);
    for (const char* name : {"portable", "avx2", "avx512"}) {
        const Kernel* kernel = select_kernel(name);
        if (!kernel) continue;
        Evaluator e(*kernel, o, nullptr);
        Buffer v(static_cast<std::size_t>(d.padded));
        for (int k = 0; k < 300; ++k) {
            Tree t;
            if (!m.grow(2 + random.below(8), random, t)) continue;
            e.values(t, t.root(), d, v.data());
            for (int r = 0; r < d.rows; r += 37) {
                double row[3] = {d.columns[0][r], d.columns[1][r], d.columns[2][r]};
                bool tame = true;
                for (int i = 0; i < t.size; ++i) tame &= std::fabs(value_at(t, i, row)) < 1e3 && std::fabs(value_at(t, i, row)) > 1e-3;
                if (!tame) continue;
                const double truth = value_at(t, t.root(), row);
                CHECK(std::fabs(v[static_cast<std::size_t>(r)] - truth) <= 1e-8 * (1.0 + std::fabs(truth)));
            }
        }
    }
}

/// Several targets over shared terms: each is fitted as if it were alone, and a shared term counts once.
void shared_terms() {
    Random random(5, 1);
    const Options o = everything();
    const int rows = 200;
    std::vector<double> X(2 * rows), y(3 * rows), one(rows);
    for (double& v : X) v = random.uniform(0.2, 3.0);
    for (int r = 0; r < rows; ++r) {
        const double a = X[static_cast<std::size_t>(2 * r)], b = X[static_cast<std::size_t>(2 * r + 1)];
        y[static_cast<std::size_t>(3 * r)] = 1.1 * a - 0.4 * a * b;
        y[static_cast<std::size_t>(3 * r + 1)] = 0.3 * a * b - 2.0 * b;
        y[static_cast<std::size_t>(3 * r + 2)] = 5.0 + std::sin(1.3 * a);
        one[static_cast<std::size_t>(r)] = y[static_cast<std::size_t>(3 * r)];
    }
    const Data d = Data::make(X.data(), y.data(), nullptr, rows, 2, 3);
    Evaluator e(*select_kernel(), o, nullptr);
    Tree t;
    parse("x0 x1 + x0 x1 * + x0 1.2 * sin +", t);
    Individual m;
    CHECK(normalise(t, 12, m.tree) && e.assess(m, d));
    CHECK(e.optimise_constants(m, d, 30) && e.assess(m, d) && m.terms == 4);
    CHECK(m.loss < 1e-20);
    CHECK(m.fit[0].coefficient[1] == 0.0 && m.fit[1].coefficient[0] == 0.0 && m.fit[2].coefficient[2] == 0.0);
    // 1.1 x0 - 0.4 x0 x1, then 0.3 (that) - 2 x1, then 5 + sin(1.3 x0)
    CHECK(m.complexity == 3 + 1 + 5 + 3 + 1 + 3 + 1 + 1 + 4);
    Simplified out;
    CHECK(simplify_individual(m, d, e, out) && out.formulas.size() == 3 && out.loss < 1e-20);
    const Data alone = d.only(0), own = Data::make(X.data(), one.data(), nullptr, rows, 2);
    Individual a, b;
    parse("x0 x0 x1 * +", t);
    CHECK(normalise(t, 6, a.tree) && normalise(t, 6, b.tree) && e.assess(a, alone) && e.assess(b, own));
    CHECK(a.loss == b.loss && a.complexity == b.complexity);
}

bool keeps(const std::vector<Tree>& formulas, const Written& written, const Options& o) {
    for (std::size_t t = 0; t < formulas.size(); ++t)
        if (!formula_permitted(formulas[t], static_cast<int>(t), o)) return false;
    for (const Tree& f : written.functions)
        if (!formula_permitted(f, 0, o)) return false;
    return true;
}

/// Whole searches on small hostile data, and the pieces on random trees: nothing may be read or written out of bounds, and
/// no loss may be NaN.
void fuzz(int trials) {
    Random random(static_cast<std::uint64_t>(trials), 99);
    for (int k = 0; k < trials; ++k) {
        Options o = everything();
        for (int i = 2; i < kOps; ++i) o.allowed[i] = random.chance(0.6);
        o.allowed[index(Op::Add)] = true;
        o.max_size = 3 + random.below(40);
        o.terms = 1 + random.below(kMaxTerms);
        o.loss = static_cast<Loss>(random.below(3));
        o.max_depth = random.chance(0.2) ? 4 : 0;
        const int rows = 1 + random.below(random.chance(0.2) ? 700 : 60), features = 1 + random.below(5);
        const int targets = random.chance(0.5) ? 1 : 1 + random.below(kMaxTargets);
        const bool formula_template = targets == 1 && random.chance(0.4);
        const int hidden = formula_template ? random.below(3) : 0;
        restrict_randomly(o, features, targets, random);
        if (formula_template) {
            o.formula_template = random_formula_template(random, features, hidden);
            o.target_known.clear();
            o.target_dimension.clear();
        }
        const Data d = samples(random, rows, features, random.chance(0.7), random.chance(0.3), targets, formula_template, hidden);
        Mutator m(o, d);
        Evaluator e(*select_kernel(), o, nullptr);
        HallOfFame hall_of_fame(o.max_size, targets);
        Tree parents[2];
        Individual found;
        m.grow(8, random, parents[0]);
        m.grow(8, random, parents[1]);
        for (int n = 0; n < 60; ++n) {
            Tree child;
            const Tree& p = parents[random.below(2)];
            const Move move = static_cast<Move>(random.below(static_cast<int>(Move::Simplify)));
            bool made = random.chance(0.2) ? m.cross(parents[0], parents[1], random, child) : m.applies(move, p) && m.change(move, p, random.uniform(), random, child);
            if (!made) continue;
            CHECK(child.size > 0 && child.size <= kMaxNodes && child.nodes[child.root()].length == child.size);
            if (random.chance(0.3)) parents[random.below(2)] = child;
            Individual x;
            if (!normalise(child, o.terms, x.tree) || (formula_template && !assign(x.tree, o.formula_template, o.terms, random, x.tree))) continue;
            if (!permitted(x.tree, o) && !(m.mend(x.tree, random, x.tree) && permitted(x.tree, o))) continue;
            if (formula_template && found.begun) inherit(x, found);
            if (!e.assess(x, d)) continue;
            CHECK(!std::isnan(x.loss) && x.loss >= 0.0);
            if (e.optimise_constants(x, d, 4)) e.assess(x, d);
            CHECK(!std::isnan(x.loss) && permitted(x.tree, o));
            found = x;
            offer(hall_of_fame, x, d, e);
            Tree s;
            if (random.chance(0.3)) simplify(x.tree, o, random.chance(0.5), s);
            Simplified t;
            if (random.chance(0.1) && simplify_individual(x, d, e, t)) CHECK(keeps(t.formulas, t.written, o));
            if (random.chance(0.05)) reduce(x, d, e, hall_of_fame);
        }
        for (const Individual& x : hall_of_fame.slots())
            if (std::isfinite(x.loss)) CHECK(presentable(x, d, o));
    }
}

void searches(int trials) {
    Random random(static_cast<std::uint64_t>(trials) + 17, 5);
    for (int k = 0; k < trials; ++k) {
        Options o = everything();
        o.seed = static_cast<std::uint64_t>(k);
        o.evaluations = 4000;
        o.threads = 1 + k % 3;
        o.islands = 3;
        o.individuals = 12;
        o.batch = k % 2 ? 64 : 2048;
        const int rows = 2 + random.below(200), features = 1 + random.below(4);
        const int targets = k % 2 ? 1 : 1 + random.below(3);
        o.loss = static_cast<Loss>(random.below(3));
        restrict_randomly(o, features, targets, random);
        const bool formula_template = targets == 1 && k % 3 != 2;
        const int hidden = formula_template ? 1 : 0;
        if (formula_template) {
            o.formula_template = random_formula_template(random, features, hidden);
            o.target_known.clear();
            o.target_dimension.clear();
        }
        Search search(o, samples(random, rows, features, k % 3 == 0, k % 4 == 1, targets, formula_template, hidden), Data(), {}, select_kernel());
        search.start();
        if (k % 5 == 4) search.stop();
        while (!search.poll(1.0).done) {}
        CHECK(search.poll(0.0).outcome != "failed");
        for (const Entry& entry : search.poll(0.0).front) CHECK(keeps(entry.formulas, entry.written, o));
        const std::string state = search.checkpoint();
        // damaged states must be refused or read, never followed out of bounds
        for (int n = 0; n < 20; ++n) {
            std::string bad = state;
            if (random.chance(0.5)) bad.resize(static_cast<std::size_t>(random.below(static_cast<int>(bad.size()))));
            else
                for (int j = 0; j < 4; ++j) bad[static_cast<std::size_t>(random.below(static_cast<int>(bad.size())))] = static_cast<char>(random.below(256));
            Search other(o, samples(random, rows, features, false, false, targets, formula_template, hidden), Data(), {}, select_kernel());
            try {
                other.resume(bad);
            } catch (const std::invalid_argument&) {
            }
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    const int trials = argc > 2 ? std::atoi(argv[2]) : 60;
    if (argc > 1 && !std::strcmp(argv[1], "fuzz")) {
        fuzz(trials);
        searches(trials / 20 + 5);
        simplifier_keeps_values(20 * trials);
    } else {
        trees();
        normal_form();
        simplifier();
        simplifier_keeps_values(3000);
        gradients();
        dimensions();
        formula_templates();
        kernels_agree();
        shared_terms();
        fuzz(20);
        searches(5);
    }
    std::printf(failures ? "%d checks failed\n" : "all checks passed\n", failures);
    return failures ? 1 : 0;
}
