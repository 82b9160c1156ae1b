#include "form.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "random.hpp"

namespace nde {
namespace {

std::uint64_t digest(double v) {
    std::uint64_t bits;
    v += 0.0;
    std::memcpy(&bits, &v, sizeof bits);
    return mix(bits + 0x1234567);
}

void rehash(Form& f) {
    std::uint64_t h = mix(static_cast<std::uint64_t>(f.kind) * 77 + 13);
    switch (f.kind) {
        case Form::Number: h ^= digest(f.value); break;
        case Form::Variable: h += mix(static_cast<std::uint64_t>(f.feature) + 999); break;
        case Form::Function:
            h += mix(static_cast<std::uint64_t>(index(f.op)) + 7777);
            for (const Form& p : f.parts) h = commutes(f.op) ? h + mix(p.hash) : mix(h * 3 + p.hash);
            break;
        default:
            h ^= f.kind == Form::Sum ? digest(f.value) : 0;
            for (std::size_t i = 0; i < f.parts.size(); ++i) h += mix(f.parts[i].hash ^ digest(f.with[i]));
    }
    f.hash = h;
}

bool integer(double v) { return std::fabs(v) < 1e9 && v == std::round(v); }

/// f = c * rest with rest free of a scale of its own. A sum is scaled so that its first coefficient is 1.
double take_scale(const Form& f, Form& rest) {
    if (f.kind == Form::Number) {
        rest = number(1.0);
        return f.value;
    }
    if (f.kind == Form::Sum) {
        const double c = f.with[0];
        if (f.parts.size() == 1 && f.value == 0.0) {
            rest = f.parts[0];
            return c;
        }
        rest = scaled(1.0 / c, f);
        if (rest.kind == Form::Sum) {
            rest.with[0] = 1.0;
            rehash(rest);
        }
        return c;
    }
    rest = f;
    return 1.0;
}

/// Product of bases with exponents, no scales inside.
Form multiply_out(std::vector<Form> bases, std::vector<double> exponents, double c) {
    std::vector<Form> flat;
    std::vector<double> with;
    Form argument = number(0.0);
    bool exponential = false;
    const auto put = [&](const Form& b, double e) {
        if (b.kind == Form::Function && b.op == Op::Exp) {
            argument = sum({argument, b.parts[0]}, {1.0, e}, 0.0);
            exponential = true;
            return;
        }
        for (std::size_t i = 0; i < flat.size(); ++i)
            if (flat[i].hash == b.hash) {
                with[i] += e;
                return;
            }
        flat.push_back(b);
        with.push_back(e);
    };
    for (std::size_t i = 0; i < bases.size(); ++i) {
        const Form& b = bases[i];
        if (b.kind == Form::Product && integer(exponents[i]))
            for (std::size_t k = 0; k < b.parts.size(); ++k) put(b.parts[k], b.with[k] * exponents[i]);
        else if (b.kind == Form::Function && b.op == Op::Sqrt && integer(exponents[i] / 2.0) && exponents[i] != 0.0) {
            Form inner;
            const double s = take_scale(b.parts[0], inner);
            c *= std::pow(s, exponents[i] / 2.0);
            if (inner.kind == Form::Product)
                for (std::size_t k = 0; k < inner.parts.size(); ++k) put(inner.parts[k], inner.with[k] * exponents[i] / 2.0);
            else if (!inner.is_number()) put(inner, exponents[i] / 2.0);
        } else if (b.kind == Form::Function && b.op == Op::Abs && integer(exponents[i] / 2.0) && exponents[i] != 0.0) {
            Form inner;
            const double s = take_scale(b.parts[0], inner);
            c *= std::pow(s, exponents[i]);
            if (inner.kind == Form::Product)
                for (std::size_t k = 0; k < inner.parts.size(); ++k) put(inner.parts[k], inner.with[k] * exponents[i]);
            else if (!inner.is_number()) put(inner, exponents[i]);
        } else {
            put(b, exponents[i]);
        }
    }
    if (exponential && !argument.is_number()) {
        double constant = 0.0;
        if (argument.kind == Form::Sum && argument.value != 0.0 && std::fabs(argument.value) < 600.0) {
            constant = argument.value;
            argument = sum(argument.parts, argument.with, 0.0);
        }
        c *= std::exp(constant);
        Form e;
        e.kind = Form::Function;
        e.op = Op::Exp;
        e.parts = {argument};
        rehash(e);
        flat.push_back(e);
        with.push_back(1.0);
    } else if (exponential) {
        c *= std::exp(argument.value);
    }
    Form f;
    f.kind = Form::Product;
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < flat.size(); ++i)
        if (with[i] != 0.0) order.push_back(i);
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return flat[a].hash < flat[b].hash; });
    for (std::size_t i : order) {
        f.parts.push_back(flat[i]);
        f.with.push_back(with[i]);
    }
    if (f.parts.empty()) return number(c);
    if (f.parts.size() == 1 && f.with[0] == 1.0) return scaled(c, Form(f.parts[0]));
    rehash(f);
    return scaled(c, f);
}

bool negative_lead(const Form& f) {
    return (f.kind == Form::Sum && f.with[0] < 0.0) || (f.is_number() && f.value < 0.0);
}

}  // namespace

Form number(double v) {
    Form f;
    f.value = v;
    rehash(f);
    return f;
}

Form variable(int feature) {
    Form f;
    f.kind = Form::Variable;
    f.feature = feature;
    rehash(f);
    return f;
}

Form sum(std::vector<Form> parts, std::vector<double> coefficients, double constant) {
    std::vector<Form> flat;
    std::vector<double> with;
    const auto put = [&](const Form& p, double c) {
        for (std::size_t i = 0; i < flat.size(); ++i)
            if (flat[i].hash == p.hash) {
                const double size = std::fabs(with[i]) + std::fabs(c);
                with[i] += c;
                if (std::fabs(with[i]) < 1e-11 * size) with[i] = 0.0;
                return;
            }
        flat.push_back(p);
        with.push_back(c);
    };
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const Form& p = parts[i];
        const double c = coefficients[i];
        if (p.is_number()) constant += c * p.value;
        else if (p.kind == Form::Sum) {
            constant += c * p.value;
            for (std::size_t k = 0; k < p.parts.size(); ++k) put(p.parts[k], c * p.with[k]);
        } else put(p, c);
    }
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < flat.size(); ++i)
        if (with[i] != 0.0) order.push_back(i);
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return flat[a].hash < flat[b].hash; });
    if (order.empty()) return number(constant);
    if (order.size() == 1 && with[order[0]] == 1.0 && constant == 0.0) return Form(flat[order[0]]);
    Form f;
    f.kind = Form::Sum;
    f.value = constant;
    for (std::size_t i : order) {
        f.parts.push_back(flat[i]);
        f.with.push_back(with[i]);
    }
    rehash(f);
    return f;
}

Form scaled(double c, const Form& f) {
    if (c == 1.0) return f;
    if (f.is_number()) return number(c * f.value);
    return sum({f}, {c}, 0.0);
}

Form product(const Form& a, const Form& b) {
    Form p, q;
    const double c = take_scale(a, p) * take_scale(b, q);
    std::vector<Form> bases;
    if (!p.is_number()) bases.push_back(p);
    if (!q.is_number()) bases.push_back(q);
    return multiply_out(bases, std::vector<double>(bases.size(), 1.0), c);
}

Form power(const Form& base, double exponent) {
    if (exponent == 1.0) return base;
    if (exponent == 0.0) return number(1.0);
    if (base.is_number()) return number(std::pow(base.value, exponent));
    Form rest;
    double c = take_scale(base, rest);
    if (!integer(exponent)) {
        if (c < 0.0) {  // the sign stays inside
            rest = scaled(-1.0, rest);
            c = -c;
            if (rest.kind == Form::Sum) {
                Form f;
                f.kind = Form::Product;
                f.parts = {rest};
                f.with = {exponent};
                rehash(f);
                return scaled(std::pow(c, exponent), f);
            }
        }
        if (rest.kind == Form::Product && rest.parts.size() == 1 && !integer(rest.with[0] / 2.0))
            return scaled(std::pow(c, exponent), multiply_out({rest.parts[0]}, {rest.with[0] * exponent}, 1.0));
        if (rest.kind == Form::Product) {
            Form f;
            f.kind = Form::Product;
            f.parts = {rest};
            f.with = {exponent};
            rehash(f);
            return scaled(std::pow(c, exponent), f);
        }
    }
    return multiply_out({rest}, {exponent}, std::pow(c, exponent));
}

Form function(Op op, std::vector<Form> a) {
    bool numbers = true;
    for (const Form& p : a) numbers &= p.is_number();
    if (numbers) {
        Tree t;
        for (const Form& p : a) t.constant(p.value);
        t.apply(op);
        const double v = value_at(t, t.root(), nullptr);
        if (std::isfinite(v)) return number(v);
    }
    Form rest;
    switch (op) {
        case Op::Sin:
        case Op::Tan:
        case Op::Tanh:
            if (negative_lead(a[0])) return scaled(-1.0, function(op, {scaled(-1.0, a[0])}));
            break;
        case Op::Cos:
            if (negative_lead(a[0])) a[0] = scaled(-1.0, a[0]);
            break;
        case Op::Abs: {
            const double c = take_scale(a[0], rest);
            if (rest.kind == Form::Function && (rest.op == Op::Exp || rest.op == Op::Abs || rest.op == Op::Sqrt)) return scaled(std::fabs(c), rest);
            if (rest.kind == Form::Product && rest.parts.size() == 1 && integer(rest.with[0] / 2.0)) return scaled(std::fabs(c), rest);
            if (c != 1.0) return scaled(std::fabs(c), function(op, {rest}));
            break;
        }
        case Op::Exp:
            if (a[0].kind == Form::Function && a[0].op == Op::Log) return Form(a[0].parts[0]);
            if (a[0].kind == Form::Sum && a[0].value != 0.0 && std::fabs(a[0].value) < 600.0)
                return scaled(std::exp(a[0].value), function(op, {sum(a[0].parts, a[0].with, 0.0)}));
            break;
        case Op::Log: {
            if (a[0].kind == Form::Function && a[0].op == Op::Exp) return Form(a[0].parts[0]);
            const double c = a[0].kind == Form::Sum && (a[0].parts.size() > 1 || a[0].value != 0.0) ? 1.0 : take_scale(a[0], rest);
            if (c != 1.0 && c > 0.0) return sum({function(op, {rest})}, {1.0}, std::log(c));
            if (a[0].kind == Form::Product && a[0].parts.size() == 1 && integer(a[0].with[0]) && !integer(a[0].with[0] / 2.0))
                return scaled(a[0].with[0], function(op, {a[0].parts[0]}));
            break;
        }
        case Op::Sqrt: {
            if (a[0].kind == Form::Sum && (a[0].parts.size() > 1 || a[0].value != 0.0)) break;
            const double c = take_scale(a[0], rest);
            if (c != 1.0 && c > 0.0) return scaled(std::sqrt(c), function(op, {rest}));
            break;
        }
        case Op::Minimum:
        case Op::Maximum:
            if (a[0].hash == a[1].hash) return Form(a[0]);
            if (a[1].hash < a[0].hash) std::swap(a[0], a[1]);
            break;
        default: break;
    }
    Form f;
    f.kind = Form::Function;
    f.op = op;
    f.parts = std::move(a);
    rehash(f);
    return f;
}

Form form_of(const Tree& t, int i) {
    const Node& n = t.nodes[i];
    if (n.op == Op::Constant) return number(n.value);
    if (n.op == Op::Variable) return variable(n.feature);
    const Form b = form_of(t, i - 1);
    if (arity(n.op) == 1) {
        switch (n.op) {
            case Op::Negate: return scaled(-1.0, b);
            case Op::Square: return power(b, 2.0);
            case Op::Cube: return power(b, 3.0);
            case Op::Inverse: return power(b, -1.0);
            default: return function(n.op, {b});
        }
    }
    const Form a = form_of(t, t.left(i));
    switch (n.op) {
        case Op::Add: return sum({a, b}, {1.0, 1.0}, 0.0);
        case Op::Subtract: return sum({a, b}, {1.0, -1.0}, 0.0);
        case Op::Multiply: return product(a, b);
        case Op::Divide: return product(a, power(b, -1.0));
        case Op::Power:
            if (b.is_number()) return power(a, b.value);
            return function(Op::Power, {a, b});
        default: return function(n.op, {a, b});
    }
}

Form expanded(const Form& f) {
    if (f.kind == Form::Sum) {
        std::vector<Form> parts;
        for (const Form& p : f.parts) parts.push_back(expanded(p));
        return sum(parts, f.with, f.value);
    }
    if (f.kind != Form::Product) return f;
    for (std::size_t i = 0; i < f.parts.size(); ++i) {
        if (f.parts[i].kind != Form::Sum || f.with[i] < 1.0 || !integer(f.with[i])) continue;
        Form rest = number(1.0);
        for (std::size_t k = 0; k < f.parts.size(); ++k) {
            const double e = k == i ? f.with[k] - 1.0 : f.with[k];
            if (e != 0.0) rest = product(rest, power(f.parts[k], e));
        }
        const Form& s = f.parts[i];
        std::vector<Form> parts;
        std::vector<double> with;
        for (std::size_t k = 0; k < s.parts.size(); ++k) {
            parts.push_back(product(s.parts[k], rest));
            with.push_back(s.with[k]);
        }
        if (s.value != 0.0) {
            parts.push_back(rest);
            with.push_back(s.value);
        }
        return sum(parts, with, 0.0);
    }
    return f;
}

}  // namespace nde
