// Forms to trees: what a formula costs as it is written, and the choices that make it short.
#include <algorithm>
#include <cmath>

#include "form.hpp"
#include "individual.hpp"

namespace nde {
namespace {

bool one(double c) { return std::fabs(c - 1.0) < 1e-12; }

/// Number of constants that a reader sees as such, for choosing scales: 0 for +-1, less for short ones.
double ugliness(double v) {
    v = std::fabs(v);
    if (one(v)) return 0.0;
    for (double k : {1.0, 2.0, 10.0, 100.0, 1000.0})
        if (std::fabs(v * k - std::round(v * k)) < 1e-9 * v * k && v * k < 1e6) return 1.0 + 0.01 * std::log10(k * std::max(v, 1.0));
    return 1.2;
}

/// `f` with its sums rescaled, and `c` accordingly, so that the fewest constants are seen. No longer canonical.
Form rescaled(const Form& f, double& c) {
    Form g = f;
    bool above = false;
    for (double e : f.with) above |= e > 0.0;
    for (std::size_t i = 0; i < g.parts.size(); ++i) {
        Form& s = g.parts[i];
        const double e = g.with[i];
        if (s.kind != Form::Sum || e != std::round(e)) continue;
        std::vector<double> tried{1.0};
        for (double w : s.with) tried.push_back(1.0 / w);
        if (s.value != 0.0) tried.push_back(1.0 / s.value);
        if (c != 0.0) {
            const double all = std::pow(std::fabs(c), 1.0 / e);
            tried.push_back(all);
            tried.push_back(-all);
        }
        double best = 1.0, least = 1e9;
        for (double k : tried) {
            if (!std::isfinite(k) || k == 0.0) continue;
            // first the number of nodes, then how the numbers look
            const double outer = c * std::pow(k, -e);
            double bad = (above && !one(std::fabs(outer)) ? 2.0 : 0.0) + 0.3 * ugliness(outer) + 0.3 * ugliness(s.value * k) * (s.value != 0.0);
            bool positive = s.value * k > 0.0;
            for (double w : s.with) {
                bad += one(std::fabs(w * k)) ? 0.0 : 2.0 + 0.3 * ugliness(w * k);
                positive |= w * k > 0.0;
            }
            if (!positive) bad += 0.5;
            if (outer < 0.0) bad += 0.05;
            if (bad < least - 1e-9) { least = bad; best = k; }
        }
        c *= std::pow(best, -e);
        for (double& w : s.with) w *= best;
        s.value *= best;
        if (one(std::fabs(c))) c = c > 0.0 ? 1.0 : -1.0;
        for (double& w : s.with)
            if (one(std::fabs(w))) w = w > 0.0 ? 1.0 : -1.0;
        if (one(std::fabs(s.value))) s.value = s.value > 0.0 ? 1.0 : -1.0;
    }
    return g;
}

struct Writer {
    const Options& options;
    bool powers;
    Tree out;

    bool integer_power(const Form& base, int n) {
        if (n == 1) return any(base);
        if (n == 2) return any(base) && out.apply(Op::Square);
        if (n == 3) return any(base) && out.apply(Op::Cube);
        if (n % 2 == 0) return integer_power(base, n / 2) && out.apply(Op::Square);
        return integer_power(base, n - 1) && any(base) && out.apply(Op::Multiply);
    }
    bool raised(const Form& base, double e) {
        if (e == 1.0) return any(base);
        if (e == 2.0) return any(base) && out.apply(Op::Square);
        if (e == 3.0) return any(base) && out.apply(Op::Cube);
        if (e == 0.5 && (options.allows(Op::Sqrt) || !options.allows(Op::Power))) return any(base) && out.apply(Op::Sqrt);
        if (!powers && !options.allows(Op::Power)) return e == std::round(e) && e > 0.0 && e <= 64.0 && integer_power(base, static_cast<int>(e));
        return any(base) && out.constant(e) && out.apply(Op::Power);
    }
    /// c times the parts of a product.
    bool term(const Form& given, double c) {
        const Form f = given.kind == Form::Product ? rescaled(given, c) : given;
        const bool is_product = f.kind == Form::Product;
        bool begun = false, negate = false;
        bool above = !is_product;
        if (is_product)
            for (double e : f.with) above |= e > 0.0;
        if (!one(c) || !above) {
            if (!above && one(c)) {
                // 1 / (...), or a single negative power
                if (!below(f)) return false;
                return out.apply(Op::Inverse);
            }
            if (one(-c) && above) {
                if (!is_product) return any(f) && out.apply(Op::Negate);
                negate = true;
                c = 1.0;
            }
            if (!negate) {
                if (!out.constant(c)) return false;
                begun = true;
            }
        }
        if (!is_product) return any(f) && (!begun || out.apply(Op::Multiply));
        bool down = false;
        for (std::size_t i = 0; i < f.parts.size(); ++i) {
            if (f.with[i] < 0.0) { down = true; continue; }
            if (!raised(f.parts[i], f.with[i])) return false;
            if (begun && !out.apply(Op::Multiply)) return false;
            begun = true;
        }
        if (down && !(below(f) && out.apply(Op::Divide))) return false;
        return !negate || out.apply(Op::Negate);
    }
    bool below(const Form& f) {
        bool begun = false;
        for (std::size_t i = 0; i < f.parts.size(); ++i) {
            if (f.with[i] > 0.0) continue;
            if (!raised(f.parts[i], -f.with[i])) return false;
            if (begun && !out.apply(Op::Multiply)) return false;
            begun = true;
        }
        return begun;
    }
    /// k * (sum of the parts whose coefficient is +-k), where that saves constants; the rest follows.
    bool grouped(const Form& f, bool& done) {
        done = false;
        for (std::size_t i = 0; i < f.parts.size(); ++i) {
            const double k = std::fabs(f.with[i]);
            if (one(k)) continue;
            Form in = f, rest = f;
            in.parts.clear(); in.with.clear(); in.value = 0.0;
            rest.parts.clear(); rest.with.clear();
            bool positive = false;
            for (std::size_t j = 0; j < f.parts.size(); ++j) {
                const bool like = one(std::fabs(f.with[j]) / k);
                Form& to = like ? in : rest;
                to.parts.push_back(f.parts[j]);
                to.with.push_back(like ? (f.with[j] > 0.0 ? 1.0 : -1.0) : f.with[j]);
                positive |= like && f.with[j] > 0.0;
            }
            if (f.value != 0.0 && one(std::fabs(f.value) / k)) {
                in.value = f.value > 0.0 ? 1.0 : -1.0;
                positive |= f.value > 0.0;
                rest.value = 0.0;
            }
            if (in.parts.size() + (in.value != 0.0) < 2) continue;
            done = true;
            if (!positive) {
                for (double& w : in.with) w = -w;
                in.value = -in.value;
            }
            const bool alone = rest.parts.empty() && rest.value == 0.0;
            if (!alone && !positive) {
                const bool number = rest.parts.empty();
                return (number ? out.constant(rest.value) : any(rest)) && out.constant(k) && any(in) && out.apply(Op::Multiply) && out.apply(Op::Subtract);
            }
            if (!out.constant(positive ? k : -k) || !any(in) || !out.apply(Op::Multiply)) return false;
            if (alone) return true;
            if (rest.parts.empty()) return out.constant(std::fabs(rest.value)) && out.apply(rest.value > 0.0 ? Op::Add : Op::Subtract);
            return any(rest) && out.apply(Op::Add);
        }
        return true;
    }
    bool any(const Form& f) {
        if (f.kind == Form::Sum && f.parts.size() + (f.value != 0.0) >= 2) {
            bool done;
            if (!grouped(f, done)) return false;
            if (done) return true;
        }
        switch (f.kind) {
            case Form::Number: return out.constant(f.value);
            case Form::Variable: return out.variable(f.feature);
            case Form::Product: return term(f, 1.0);
            case Form::Function:
                for (const Form& p : f.parts)
                    if (!any(p)) return false;
                return out.apply(f.op);
            case Form::Sum: break;
        }
        bool begun = false;
        for (int sign = 1; sign >= -1; sign -= 2) {
            if (sign < 0 && !begun && f.value > 0.0) {
                if (!out.constant(f.value)) return false;
                begun = true;
            } else if (sign < 0 && begun && f.value > 0.0) {
                if (!out.constant(f.value) || !out.apply(Op::Add)) return false;
            }
            for (std::size_t i = 0; i < f.parts.size(); ++i) {
                const double c = f.with[i];
                if ((c > 0.0) != (sign > 0)) continue;
                if (!term(f.parts[i], begun && c < 0.0 ? -c : c)) return false;
                if (begun && !out.apply(c < 0.0 ? Op::Subtract : Op::Add)) return false;
                begun = true;
            }
        }
        if (f.value < 0.0) return out.constant(-f.value) && out.apply(Op::Subtract);
        return true;
    }
};

Form with_parts(const Form& f, std::vector<Form> parts) {
    switch (f.kind) {
        case Form::Sum: return sum(std::move(parts), f.with, f.value);
        case Form::Product: {
            Form p = number(1.0);
            for (std::size_t i = 0; i < parts.size(); ++i) p = product(p, power(parts[i], f.with[i]));
            return p;
        }
        case Form::Function: return function(f.op, std::move(parts));
        default: return f;
    }
}

/// A sum with its most common factor moved out, if that is shorter.
Form factored(const Form& f, const Options& options) {
    if (f.kind != Form::Sum || f.parts.size() < 2) return f;
    Form best = f;
    int least = size_of(f, options);
    std::vector<Form> bases;
    std::vector<double> signs;
    for (const Form& p : f.parts) {
        const auto consider = [&](const Form& b, double s) {
            for (std::size_t k = 0; k < bases.size(); ++k)
                if (bases[k].hash == b.hash && signs[k] == s) return;
            bases.push_back(b);
            signs.push_back(s);
        };
        if (p.kind == Form::Product)
            for (std::size_t k = 0; k < p.parts.size(); ++k) {
                consider(p.parts[k], p.with[k]);
                if (std::fabs(p.with[k]) > 1.0) consider(p.parts[k], p.with[k] > 0.0 ? 1.0 : -1.0);
            }
        else consider(p, 1.0);
    }
    for (std::size_t k = 0; k < bases.size(); ++k) {
        std::vector<Form> in, out;
        std::vector<double> in_with, out_with;
        double constant = 0.0;
        for (std::size_t i = 0; i < f.parts.size(); ++i) {
            const Form& p = f.parts[i];
            bool has = false;
            if (p.kind == Form::Product)
                for (std::size_t j = 0; j < p.parts.size(); ++j) has |= p.parts[j].hash == bases[k].hash && p.with[j] / signs[k] >= 1.0;
            else has = p.hash == bases[k].hash && signs[k] == 1.0;
            if (!has) { out.push_back(p); out_with.push_back(f.with[i]); continue; }
            const Form rest = product(p, power(bases[k], -signs[k]));
            if (rest.is_number()) constant += f.with[i] * rest.value;
            else { in.push_back(rest); in_with.push_back(f.with[i]); }
        }
        if (in.size() + (constant != 0.0) < 2) continue;
        const Form inner = factored(sum(in, in_with, constant), options);
        Form all = product(power(bases[k], signs[k]), inner);
        std::vector<Form> parts = out;
        std::vector<double> with = out_with;
        parts.push_back(all);
        with.push_back(1.0);
        const Form whole = sum(parts, with, f.value);
        const int size = size_of(whole, options);
        if (size < least) { least = size; best = whole; }
    }
    return best;
}

/// A sum with some of its parts over a common denominator, if that is shorter: 3 - 3 p/(1 + p) -> 3/(1 + p).
Form together(const Form& f, const Options& options) {
    if (f.kind != Form::Sum) return f;
    Form best = f;
    int least = size_of(f, options);
    std::vector<Form> seen;
    for (const Form& p : f.parts) {
        if (p.kind != Form::Product) continue;
        for (std::size_t j = 0; j < p.parts.size(); ++j) {
            const Form& d = p.parts[j];
            if (p.with[j] != -1.0 || d.kind != Form::Sum) continue;
            bool known = false;
            for (const Form& s : seen) known |= s.hash == d.hash;
            if (known) continue;
            seen.push_back(d);
            std::vector<Form> above, others;
            std::vector<double> above_with, others_with;
            for (std::size_t i = 0; i < f.parts.size(); ++i) {
                const Form& q = f.parts[i];
                bool has = false;
                if (q.kind == Form::Product)
                    for (std::size_t k = 0; k < q.parts.size(); ++k) has |= q.parts[k].hash == d.hash && q.with[k] == -1.0;
                if (has) { above.push_back(expanded(product(q, d))); above_with.push_back(f.with[i]); }
                else { others.push_back(q); others_with.push_back(f.with[i]); }
            }
            // which of the other parts to bring over: the constant, one of them, or all
            const int n = static_cast<int>(others.size());
            for (int which = -1; which <= n; ++which) {
                if (which == -1 && f.value == 0.0) continue;
                std::vector<Form> top = above, rest;
                std::vector<double> top_with = above_with, rest_with;
                double constant = f.value;
                for (int i = 0; i < n; ++i) {
                    const bool over = which == n || which == i;
                    const Form part = over ? expanded(product(others[static_cast<std::size_t>(i)], d)) : others[static_cast<std::size_t>(i)];
                    (over ? top : rest).push_back(part);
                    (over ? top_with : rest_with).push_back(others_with[static_cast<std::size_t>(i)]);
                }
                if (which == -1 || which == n) {
                    top.push_back(d);
                    top_with.push_back(constant);
                    constant = 0.0;
                }
                rest.push_back(product(sum(top, top_with, 0.0), power(d, -1.0)));
                rest_with.push_back(1.0);
                const Form whole = factored(sum(rest, rest_with, constant), options);
                const int size = size_of(whole, options);
                if (size < least) { least = size; best = whole; }
            }
        }
    }
    return best;
}

}  // namespace

bool write(const Form& f, const Options& options, bool powers, Tree& out) {
    Writer w{options, powers, {}};
    if (!w.any(f)) return false;
    out = w.out;
    return true;
}

int size_of(const Form& f, const Options& options) {
    Tree t;
    return write(f, options, true, t) ? complexity(t, t.root(), options) : 10000;
}

Form shortest(const Form& f, const Options& options) {
    std::vector<Form> parts;
    for (const Form& p : f.parts) parts.push_back(shortest(p, options));
    const Form g = with_parts(f, parts);
    const Form a = factored(g, options), b = together(g, options);
    return size_of(b, options) < size_of(a, options) ? b : a;
}

}  // namespace nde
