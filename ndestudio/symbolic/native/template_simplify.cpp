// From individuals of a template to the functions that are shown: simplified, freed of scales that say nothing,
// snapped.
#include <algorithm>
#include <cmath>
#include <vector>

#include "form.hpp"
#include "simplify.hpp"

namespace nde {
namespace {

Form form_of_function(const Individual& m, int j, const Options& options) {
    int roots[kMaxTerms];
    const int n = term_roots(m.tree, roots);
    std::vector<Form> parts;
    std::vector<double> with;
    for (int k = 0; k < n; ++k) {
        if (options.formula_template.owner(m.tree, roots[k]) != j || m.fit[0].coefficient[k] == 0.0) continue;
        parts.push_back(form_of(m.tree, roots[k]));
        with.push_back(m.fit[0].coefficient[k]);
    }
    return sum(parts, with, m.offset[j]);
}

class TemplateSimplifier {
public:
    TemplateSimplifier(const Data& data, Evaluator& e) : data_(data), e_(e), formula_template_(e.options().formula_template) {}

    bool run(const Individual& m, Simplified& out) {
        std::vector<Form> forms;
        for (int j = 0; j < formula_template_.functions; ++j) forms.push_back(form_of_function(m, j, e_.options()));
        const std::vector<double> parameters(m.parameter, m.parameter + formula_template_.parameters);
        if (!write_all(forms, parameters, best_) && !explicit_functions(m, parameters, best_)) return false;
        const double start = best_.loss;
        free_scales(start);
        for (int round = 0; round < 3 && !e_.stopped(); ++round) {
            if (!snap(start)) break;
            Simplified again;
            if (!write_all(forms_of(best_), best_.written.parameters, again) ||
                !(again.loss <= std::max(best_.loss * (1.0 + 1e-6), 1e-25)) || again.complexity > best_.complexity)
                break;
            best_ = again;
        }
        int numbers = 0;
        const auto counts = [](double v) { return v != std::round(v) || std::fabs(v) > 9.0; };
        for (const Tree& t : best_.written.functions)
            for (int i = 0; i < t.size; ++i) numbers += t.nodes[i].op == Op::Constant && counts(t.nodes[i].value);
        for (double v : best_.written.parameters) numbers += counts(v);
        best_.criterion = std::log(best_.loss + 1e-30) + numbers * std::log(static_cast<double>(data_.rows)) / data_.rows;
        best_.losses = {best_.loss};
        out = best_;
        return true;
    }

private:
    bool measure(Simplified& t) {
        t.complexity = 0;
        for (const Tree& f : t.written.functions) {
            if (!formula_permitted(f, 0, e_.options())) return false;
            t.complexity += complexity(f, f.root(), e_.options());
        }
        t.loss = e_.formula_template()->loss_of(t.written, data_);
        return std::isfinite(t.loss) && t.complexity <= e_.options().max_size;
    }
    bool write_all(const std::vector<Form>& forms, const std::vector<double>& parameters, Simplified& out) {
        Simplified t;
        t.written.parameters = parameters;
        for (const Form& f : forms) {
            Tree tree;
            if (!write(shortest(f, e_.options()), e_.options(), true, tree)) return false;
            t.written.functions.push_back(tree);
        }
        if (!measure(t)) return false;
        out = t;
        return true;
    }
    bool explicit_functions(const Individual& m, const std::vector<double>& parameters, Simplified& out) {
        Simplified t;
        t.written.parameters = parameters;
        for (int j = 0; j < formula_template_.functions; ++j) {
            Tree tree;
            if (!function_formula(m, j, e_.options(), tree)) return false;
            t.written.functions.push_back(tree);
        }
        if (!measure(t)) return false;
        out = t;
        return true;
    }
    static std::vector<Form> forms_of(const Simplified& t) {
        std::vector<Form> out;
        for (const Tree& f : t.written.functions) out.push_back(form_of(f, f.root()));
        return out;
    }
    int parts() const { return formula_template_.functions + formula_template_.parameters; }
    /// Function or parameter `part` times s.
    void multiply(int part, double s, std::vector<Form>& forms, std::vector<double>& parameters) const {
        if (part < formula_template_.functions) forms[static_cast<std::size_t>(part)] = scaled(s, forms[static_cast<std::size_t>(part)]);
        else parameters[static_cast<std::size_t>(part - formula_template_.functions)] *= s;
    }
    /// Scales that would make a number of this part 1.
    std::vector<double> natural_scales(int part) const {
        std::vector<double> out;
        const auto add = [&](double v) {
            if (v != 0.0 && std::isfinite(1.0 / v)) out.push_back(1.0 / v);
        };
        if (part >= formula_template_.functions) {
            add(best_.written.parameters[static_cast<std::size_t>(part - formula_template_.functions)]);
            return out;
        }
        const Form f = forms_of(best_)[static_cast<std::size_t>(part)];
        if (f.kind == Form::Sum)
            for (double w : f.with) add(w);
        if (f.is_number() || f.kind == Form::Sum) add(f.value);
        return out;
    }
    bool moved(int a, int b, double power, double s, Simplified& out) {
        std::vector<Form> forms = forms_of(best_);
        std::vector<double> parameters = best_.written.parameters;
        multiply(a, s, forms, parameters);
        multiply(b, std::pow(std::fabs(s), power) * (s < 0.0 ? -1.0 : 1.0), forms, parameters);
        return write_all(forms, parameters, out);
    }
    /// Where a scale can move from one part to another at no cost, as in f(x) * g(y), choose it so that least is to be read.
    void free_scales(double start) {
        const auto like = [&](double loss) { return loss <= std::max(start * (1.0 + 1e-6), 1e-24); };
        for (int a = 0; a < parts() && !e_.stopped(); ++a)
            for (int b = 0; b < parts(); ++b) {
                for (double power : {-1.0, 1.0}) {
                    Simplified t;
                    if (a == b || !moved(a, b, power, 1.37, t) || !like(t.loss)) continue;
                    for (double s : natural_scales(a))
                        if (moved(a, b, power, s, t) && like(t.loss) && burden(t) < burden(best_)) best_ = t;
                }
            }
    }
    /// What a reader has to take in: symbols, and parameters other than 1.
    int burden(const Simplified& t) const {
        int n = t.complexity;
        for (double v : t.written.parameters) n += std::fabs(v - 1.0) > 1e-9;
        return n;
    }
    bool try_number(double& number, double v, double limit) {
        const double before = number;
        number = v;
        Simplified t = best_;
        if (measure(t) && t.loss <= limit) {
            best_.loss = t.loss;
            return true;
        }
        number = before;
        return false;
    }
    bool snap_number(double& number, double start) {
        const double v = number;
        for (double w : {0.0, 1.0, -1.0, 2.0}) {
            if (v == w || std::fabs(v - w) > 0.1 * std::max(1e-3, std::fabs(v)) + (w == 0.0 ? 1e-2 : 0.0)) continue;
            if (try_number(number, w, snapped_loss(start, data_.rows, w != 2.0))) return true;
        }
        for (double w : plain_values(v))
            if (try_number(number, w, snapped_loss(start, data_.rows, false))) return true;
        return false;
    }
    bool snap(double start) {
        bool changed = false;
        for (Tree& t : best_.written.functions)
            for (int i = 0; i < t.size && !e_.stopped(); ++i) {
                if (t.nodes[i].op != Op::Constant) continue;
                const bool exponent = i + 1 < t.size && t.nodes[i + 1].op == Op::Power;
                if (exponent && !e_.options().allows(Op::Power)) continue;  // a repeated product
                changed |= snap_number(t.nodes[i].value, start);
            }
        for (double& v : best_.written.parameters) changed |= !e_.stopped() && snap_number(v, start);
        return changed;
    }

    const Data& data_;
    Evaluator& e_;
    const FormulaTemplate& formula_template_;
    Simplified best_;
};

}  // namespace

bool simplify_template(const Individual& individual, const Data& data, Evaluator& e, Simplified& out) {
    return TemplateSimplifier(data, e).run(individual, out);
}

}  // namespace nde
