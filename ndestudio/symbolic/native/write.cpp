// Forms to trees: what a formula costs as it is written, and the choices that make it short.
#include <algorithm>
#include <cmath>

#include "form.hpp"
#include "member.hpp"

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
            double bad = 1.02 * ugliness(c * std::pow(k, -e)) + ugliness(s.value * k) * (s.value != 0.0);
            bool positive = s.value * k > 0.0;
            for (double w : s.with) {
                bad += ugliness(w * k);
                positive |= w * k > 0.0;
            }
            if (!positive) bad += 0.5;
            if (c * std::pow(k, -e) < 0.0) bad += 0.05;
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
        if (e == std::round(e) && e > 0.0 && e <= 16.0 && !powers && !options.allows(Op::Power)) return integer_power(base, static_cast<int>(e));
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
    bool any(const Form& f) {
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
            for (std::size_t k = 0; k < p.parts.size(); ++k) consider(p.parts[k], p.with[k] > 0.0 ? 1.0 : -1.0);
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
                for (std::size_t j = 0; j < p.parts.size(); ++j) has |= p.parts[j].hash == bases[k].hash && p.with[j] * signs[k] >= 1.0;
            else has = p.hash == bases[k].hash && signs[k] > 0.0;
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
    return factored(with_parts(f, parts), options);
}

}  // namespace nde
