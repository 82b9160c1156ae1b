// The Python face of the engine: plain arrays and numbers in, snapshots out. The GIL is free while a search runs.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <tuple>

#include "search.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using Matrix = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Values = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;  // [row] or [row, target]
using Vector = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

namespace {

nde::Op op_named(const std::string& name) {
    for (int i = 0; i < nde::kOps; ++i)
        if (name == nde::kOpNames[i]) return static_cast<nde::Op>(i);
    throw std::invalid_argument("unknown operator `" + name + "`");
}

const nde::Kernel* kernel_named(const std::string& name) {
    const nde::Kernel* kernel = nde::select_kernel(name.c_str());
    if (!kernel) throw std::invalid_argument("this processor does not run the `" + name + "` instructions, or they are unknown");
    return kernel;
}

nde::Tree tree_of(const std::string& text);

/// {"known": postfix text over columns, then functions, then parameters; "arguments": of each function, the source of
/// each; "hidden": columns that only the known part sees; "start": of the parameters}. Fills in all but `columns`.
nde::FormulaTemplate template_of(const nb::dict& d) {
    nde::FormulaTemplate s;
    s.tree = tree_of(nb::cast<std::string>(d["known"]));
    const auto arguments = nb::cast<std::vector<std::vector<int>>>(d["arguments"]);
    const auto start = nb::cast<std::vector<double>>(d["start"]);
    if (arguments.empty() || arguments.size() > nde::kMaxFunctions) throw std::invalid_argument("a template has one to " + std::to_string(nde::kMaxFunctions) + " unknown functions");
    if (start.size() > nde::kMaxParameters) throw std::invalid_argument("a template has at most " + std::to_string(nde::kMaxParameters) + " parameters");
    s.functions = static_cast<int>(arguments.size());
    s.parameters = static_cast<int>(start.size());
    for (int j = 0; j < s.functions; ++j) {
        const auto& own = arguments[static_cast<std::size_t>(j)];
        if (own.empty()) throw std::invalid_argument("an unknown function has no arguments");
        s.source.insert(s.source.end(), own.begin(), own.end());
        s.first[j + 1] = static_cast<int>(s.source.size());
    }
    s.columns = static_cast<int>(s.source.size()) + nb::cast<int>(d["hidden"]);
    std::fill_n(s.offset, nde::kMaxFunctions, 1.0);
    std::copy(start.begin(), start.end(), s.parameter);
    for (int i = 0; i < s.tree.size; ++i)
        if (s.tree.nodes[i].op == nde::Op::Variable && s.tree.nodes[i].feature >= s.columns + s.functions + s.parameters) throw std::invalid_argument("a template has an unknown column");
    return s;
}

std::vector<double> dimension_in(nb::handle value) {
    auto v = nb::cast<std::vector<double>>(value);
    if (v.size() > nde::kDimensions) throw std::invalid_argument("at most " + std::to_string(nde::kDimensions) + " base dimensions can be told apart");
    v.resize(nde::kDimensions);
    return v;
}

void read_dimensions(nb::handle value, std::vector<double>& dimensions, std::vector<char>& known) {
    for (const auto& d : nb::cast<std::vector<nb::object>>(value)) {
        const auto v = d.is_none() ? std::vector<double>(nde::kDimensions) : dimension_in(d);
        known.push_back(!d.is_none());
        dimensions.insert(dimensions.end(), v.begin(), v.end());
    }
}

nde::Options options_of(const nb::dict& d) {
    nde::Options o;
    for (auto [key_object, value] : d) {
        const std::string key = nb::cast<std::string>(key_object);
        if (key == "operators") for (const auto& n : nb::cast<std::vector<std::string>>(value)) o.allowed[nde::index(op_named(n))] = true;
        else if (key == "cost") for (auto [k, v] : nb::cast<nb::dict>(value)) o.cost[nde::index(op_named(nb::cast<std::string>(k)))] = nb::cast<int>(v);
        else if (key == "max_size") o.max_size = nb::cast<int>(value);
        else if (key == "max_depth") o.max_depth = nb::cast<int>(value);
        else if (key == "loss") {
            const std::string name = nb::cast<std::string>(value);
            o.loss = name == "squares" ? nde::Loss::Squares : name == "absolute" ? nde::Loss::Absolute : nde::Loss::Huber;
        }
        else if (key == "huber") o.huber = nb::cast<double>(value);
        else if (key == "islands") o.islands = nb::cast<int>(value);
        else if (key == "individuals") o.individuals = nb::cast<int>(value);
        else if (key == "tournament") o.tournament = nb::cast<int>(value);
        else if (key == "parsimony") o.parsimony = nb::cast<double>(value);
        else if (key == "crossover") o.crossover = nb::cast<double>(value);
        else if (key == "migration") o.migration = nb::cast<double>(value);
        else if (key == "optimise") o.optimise = nb::cast<double>(value);
        else if (key == "temperature") o.temperature = nb::cast<double>(value);
        else if (key == "terms") o.terms = nb::cast<int>(value);
        else if (key == "batch") o.batch = nb::cast<int>(value);
        else if (key == "seeding") o.seeding = nb::cast<bool>(value);
        else if (key == "seed") o.seed = nb::cast<std::uint64_t>(value);
        else if (key == "threads") o.threads = nb::cast<int>(value);
        else if (key == "seconds") o.seconds = nb::cast<double>(value);
        else if (key == "evaluations") o.evaluations = nb::cast<std::uint64_t>(value);
        else if (key == "target") o.target = nb::cast<double>(value);
        else if (key == "noise") o.noise = nb::cast<double>(value);
        else if (key == "settle") o.settle = nb::cast<std::uint64_t>(value);
        else if (key == "constraints") {
            for (auto [k, v] : nb::cast<nb::dict>(value)) {
                const auto limits = nb::cast<std::vector<int>>(v);
                for (std::size_t a = 0; a < limits.size() && a < 2; ++a) o.argument_limit[nde::index(op_named(nb::cast<std::string>(k)))][a] = limits[a];
            }
            o.constrained = true;
        }
        else if (key == "nested_constraints") {
            for (auto [k, v] : nb::cast<nb::dict>(value))
                for (auto [inner, limit] : nb::cast<nb::dict>(v))
                    o.nested_limit[nde::index(op_named(nb::cast<std::string>(k)))][nde::index(op_named(nb::cast<std::string>(inner)))] = nb::cast<int>(limit);
            o.constrained = true;
        }
        else if (key == "dimensions") {  // one list per feature, None where unknown
            o.dimensional = true;
            read_dimensions(value, o.feature_dimension, o.feature_known);
        }
        else if (key == "target_dimensions") {  // one list per target, None where unknown
            o.dimensional = true;
            read_dimensions(value, o.target_dimension, o.target_known);
        }
        else if (key == "template") o.formula_template = template_of(nb::cast<nb::dict>(value));
        else if (key == "wildcards") o.wildcards = nb::cast<bool>(value);
        else throw std::invalid_argument("unknown setting `" + key + "`");
    }
    return o;
}

nde::Tree tree_of(const std::string& text) {
    nde::Tree tree;
    if (!nde::parse(text, tree)) throw std::invalid_argument("not an expression in postfix form: " + text);
    return tree;
}

nb::dict snapshot_of(const nde::Snapshot& s) {
    nb::dict out;
    out["version"] = s.version;
    out["evaluations"] = s.evaluations;
    out["repeats"] = s.repeats;
    out["seconds"] = s.seconds;
    out["improved_evaluations"] = s.improved_evaluations;
    out["improved_seconds"] = s.improved_seconds;
    out["done"] = s.done;
    out["outcome"] = s.outcome;
    out["error"] = s.error;
    nb::list front;
    for (const nde::Entry& e : s.front) {
        nb::list formulas, losses;
        for (const nde::Tree& f : e.formulas) formulas.append(nde::text(f));
        for (double loss : e.losses) losses.append(loss);
        for (const nde::Tree& f : e.written.functions) formulas.append(nde::text(f));
        front.append(nb::make_tuple(e.complexity, e.loss, e.held_out, nb::tuple(formulas), nb::tuple(losses), e.written.parameters));
    }
    out["front"] = front;
    return out;
}

}  // namespace

NB_MODULE(_evolution, m) {
    m.doc() = "The compiled core of NDE Studio's evolution engine; use ndestudio.symbolic instead.";
    m.def("simd", [](const std::string& name) { return std::string(kernel_named(name)->name); }, "name"_a = "",
          "Name of the instruction set that is used (or that `name` asks for).");
    m.def("elementary", [](const std::string& op, Vector x, Vector y, const std::string& simd) {
        const nde::Kernel* kernel = kernel_named(simd);
        const std::size_t n = x.shape(0);
        if (y.shape(0) != n) throw std::invalid_argument("x and y differ in length");
        double* out = new double[n + 1];
        nb::capsule owner(out, [](void* p) noexcept { delete[] static_cast<double*>(p); });
        kernel->map(op_named(op), x.data(), y.data(), out, static_cast<int>(n));
        return nb::ndarray<nb::numpy, double, nb::ndim<1>>(out, {n}, owner);
    }, "op"_a, "x"_a, "y"_a, "simd"_a = "", "One operator over arrays, by the search's own elementary functions.");

    nb::class_<nde::Search>(m, "Search")
        .def("__init__", [](nde::Search* self, Matrix X, Values y, nb::object weights, nb::object X_held_out, nb::object y_held_out,
                            const std::vector<std::string>& guesses, const nb::dict& options, const std::string& simd, nb::object response) {
            const nde::Options o = options_of(options);
            const int rows = static_cast<int>(X.shape(0)), columns = static_cast<int>(X.shape(1));
            const bool formula_template = o.formula_template.active();
            const int features = formula_template ? static_cast<int>(o.formula_template.source.size()) : columns;
            if (formula_template && columns != o.formula_template.columns) throw std::invalid_argument("X does not have the columns of the template");
            if (y.ndim() < 1 || y.ndim() > 2 || (response.is_none() && y.shape(0) != X.shape(0))) throw std::invalid_argument("X and y differ in length");
            const int targets = y.ndim() == 2 ? static_cast<int>(y.shape(1)) : 1;
            Matrix parts;
            if (!response.is_none()) {
                parts = nb::cast<Matrix>(response);
                if (parts.shape(0) > nde::kBlock || parts.shape(0) != y.shape(0) || parts.shape(1) != X.shape(0) || targets != 1 || formula_template || o.loss != nde::Loss::Squares || !weights.is_none() || !X_held_out.is_none())
                    throw std::invalid_argument("the response does not fit the samples, or comes with what it does not go with");
            }
            if (targets < 1 || targets > nde::kMaxTargets) throw std::invalid_argument("too many targets, or none");
            if (formula_template && targets > 1) throw std::invalid_argument("a template has one target");
            std::vector<nde::Tree> trees;
            for (const auto& g : guesses) {
                trees.push_back(tree_of(g));
                for (int i = 0; i < trees.back().size; ++i)
                    if (trees.back().nodes[i].op == nde::Op::Variable && trees.back().nodes[i].feature >= features) throw std::invalid_argument("a guess has an unknown feature");
            }
            const double* w = nullptr;
            Vector weight;
            if (!weights.is_none()) {
                weight = nb::cast<Vector>(weights);
                if (weight.shape(0) != X.shape(0)) throw std::invalid_argument("X and weights differ in length");
                w = weight.data();
            }
            nde::Data held, data = response.is_none() ? nde::Data::make(X.data(), y.data(), w, rows, features, targets, formula_template, columns - features)
                                                      : nde::Data::respond(X.data(), parts.data(), y.data(), static_cast<int>(y.shape(0)), rows, features);
            if (!X_held_out.is_none()) {
                const Matrix Xh = nb::cast<Matrix>(X_held_out);
                const Values yh = nb::cast<Values>(y_held_out);
                if (static_cast<int>(Xh.shape(1)) != columns || yh.ndim() != y.ndim() || yh.shape(0) != Xh.shape(0) || (yh.ndim() == 2 && yh.shape(1) != y.shape(1))) throw std::invalid_argument("the held-out rows do not fit the others");
                held = data.held_out(Xh.data(), yh.data(), static_cast<int>(Xh.shape(0)));
            }
            new (self) nde::Search(o, std::move(data), std::move(held), std::move(trees), kernel_named(simd));
        }, "X"_a, "y"_a, "weights"_a.none(), "X_held_out"_a.none(), "y_held_out"_a.none(), "guesses"_a, "options"_a, "simd"_a = "", "response"_a.none() = nb::none())
        .def("start", &nde::Search::start, nb::call_guard<nb::gil_scoped_release>())
        .def("stop", &nde::Search::stop)
        .def("resume", [](nde::Search& self, const nb::bytes& state) { self.resume(std::string(state.c_str(), state.size())); }, "state"_a,
             "Begin from the bytes of `checkpoint`; before `start`.")
        .def("checkpoint", [](nde::Search& self) {
            std::string state;
            {
                nb::gil_scoped_release free;
                state = self.checkpoint();
            }
            return nb::bytes(state.data(), state.size());
        }, "The whole state as bytes, from which another search over the same samples can go on.")
        .def("poll", [](nde::Search& self, double seconds) {
            nde::Snapshot s;
            {
                nb::gil_scoped_release free;
                s = self.poll(seconds);
            }
            return snapshot_of(s);
        }, "seconds"_a = 0.0, "The newest snapshot; waits up to `seconds` for the end of the search.");
}
