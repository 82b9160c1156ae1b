#include "families.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace nde {
namespace {

/// Postfix over the argument `u`, numbers, operators and constants that depend on a grid value g and the scale of u:
/// S g/spread, M g*middle, B 1/(g*middle), P (g*middle)^2, Q its cube, R its fourth power, U<n> its nth, G -0.5 (g/spread)^2,
/// D g*spread - mean, N mean + g*spread, K exp(g*mean/spread), T -g*mean/spread.
struct Family {
    const char* text;
    std::vector<double> grid;
    std::vector<double> dense{};  // of plain variables, where another
};

const std::vector<Family>& table() {
    static const std::vector<double> one{1.0}, waves{0.6, 1.2, 2.0, 3.3, 5.0};
    static const std::vector<double> more_waves{0.3, 0.6, 0.9, 1.2, 1.6, 2.0, 2.6, 3.3, 4.1, 5.0, 6.5, 8.0, 10.0};
    static const std::vector<double> rates{0.5, -0.5, 1.5, -1.5, -4.0}, places{0.2, 0.7, 2.5}, squares{0.4, 0.8, 1.6};
    static const std::vector<double> signs{1.0, -1.0, 3.0, -3.0}, shifts{-0.7, 0.0, 0.7}, mid{0.6, 1.2};
    static const std::vector<Family> families = {
        {"u", one}, {"u square", one}, {"u cube", one}, {"u square square", one}, {"u inv", one}, {"u square inv", one},
        {"u cube inv", one}, {"u sqrt", one}, {"u sqrt inv", one}, {"u u sqrt *", one}, {"u u sqrt * inv", one},
        {"u 0.5 ^", one}, {"u 1.5 ^", one}, {"u -0.5 ^", one},
        // waves
        {"u sin", one}, {"u cos", one}, {"u S * sin", waves, more_waves}, {"u S * cos", waves, more_waves},
        {"u square sin", one}, {"u square cos", one}, {"u cube sin", one}, {"u tan", one},
        // exponentials: decay, bell, Arrhenius, logistic, u/(exp(u) - 1)
        {"u exp", one}, {"u neg exp", one}, {"u S * exp", rates}, {"u square G * exp", {1.0, 2.0}},
        {"u D + square G * exp", shifts}, {"M u / exp", {-0.5, -2.0, -6.0, 1.0}}, {"u S * exp K + inv", signs},
        {"u D + u D + S2 * exp -1 + /", shifts}, {"u D + u D + S3 * exp -1 + /", shifts},
        // logarithms and kinks
        {"u log", one}, {"u u log *", one}, {"u M + log", one}, {"u square P + log", one}, {"u 1 + log", one}, {"u square 1 + log", one},
        {"u M + sqrt", one}, {"u square P + sqrt", one}, {"u abs", one}, {"u u abs *", one}, {"u M max", one}, {"u M min", one},
        {"u tanh", one}, {"u S * tanh", {0.7, 2.0}}, {"u S * T + tanh", {0.7, 2.0}},
        // saturation (Michaelis-Menten, Hill, Haldane) and inhibition
        {"u M + inv", places}, {"u u M + /", places}, {"u square P + inv", squares}, {"u square u square P + /", squares},
        {"u cube Q + inv", mid}, {"u cube u cube Q + /", mid}, {"u square square R + inv", mid},
        {"u square square u square square R + /", mid}, {"u square B * u + M + inv", one}, {"u u square B * u + M + /", one},
        {"u M + square inv", one}, {"u u M + square /", one},
        // switches: Hill functions of high order
        {"u cube square U6 + inv", {}, mid}, {"u u cube square U6 + /", {}, mid}, {"u square square square U8 + inv", {}, mid},
        {"u u square square square U8 + /", {}, mid}, {"u square square u * square U10 + inv", {}, mid},
        {"u u square square u * square U10 + /", {}, mid},
        // towards a pole beyond the samples
        {"N u - inv", {2.2, 4.0}}, {"u N u - /", {2.2, 4.0}},
    };
    return families;
}

double constant(const char* name, double g, const Scale& s) {
    switch (name[0]) {
        case 'S': return name[1] == '2' ? 2.0 / s.spread : name[1] == '3' ? -2.0 / s.spread : g / s.spread;
        case 'M': return g * s.middle;
        case 'B': return 1.0 / (g * s.middle);
        case 'P': return g * g * s.middle * s.middle;
        case 'Q': return std::pow(g * s.middle, 3.0);
        case 'R': return std::pow(g * s.middle, 4.0);
        case 'U': return std::pow(g * s.middle, std::atof(name + 1));
        case 'G': return -0.5 * (g == 0.0 ? 2.0 : g * g) / (s.spread * s.spread);
        case 'D': return g * s.spread - s.mean;
        case 'N': return s.mean + g * s.spread;
        case 'K': return std::exp(std::min(50.0, std::max(-50.0, g * s.mean / s.spread)));
        default: return -g * s.mean / s.spread;
    }
}

bool instantiate(const char* text, double g, const Tree& u, const Scale& s, const Mutator& m, Tree& out) {
    Tree t;
    char word[16];
    for (const char* at = text; *at;) {
        const char* end = std::strchr(at, ' ');
        const std::size_t n = end ? static_cast<std::size_t>(end - at) : std::strlen(at);
        std::memcpy(word, at, n);
        word[n] = 0;
        at += n + (end ? 1 : 0);
        bool fits = false;
        if (!std::strcmp(word, "u")) fits = t.append(u, u.root());
        else if (word[0] >= 'A' && word[0] <= 'Z') fits = t.constant(constant(word, g, s));
        else if ((word[0] >= '0' && word[0] <= '9') || (word[0] == '-' && word[1])) fits = t.constant(std::atof(word));
        else
            for (int op = 2; op < kOps; ++op)
                if (!std::strcmp(word, kOpNames[op])) {
                    const Op o = static_cast<Op>(op);
                    fits = (m.can(o) || (o == Op::Negate && m.can(Op::Multiply)) || (o == Op::Add && m.can(Op::Subtract))) && t.apply(o);
                }
        if (!fits) return false;
    }
    out = t;
    return true;
}

}  // namespace

Scale scale_of(std::vector<double> v) {
    Scale s;
    if (v.empty()) return s;
    double square = 0.0;
    for (double x : v) s.mean += x / static_cast<double>(v.size());
    for (double x : v) square += (x - s.mean) * (x - s.mean) / static_cast<double>(v.size());
    for (double& x : v) x = std::fabs(x);
    std::nth_element(v.begin(), v.begin() + static_cast<long>(v.size() / 2), v.end());
    const double middle = v[v.size() / 2];
    s.middle = middle > 1e-100 && middle < 1e100 ? middle : 1.0;
    s.spread = square > 1e-200 && square < 1e200 ? std::sqrt(square) : 1.0;
    return s;
}

void families(const Tree& u, const Scale& scale, const Mutator& m, bool dense, std::vector<Tree>& out) {
    for (const Family& f : table())
        for (double g : dense && !f.dense.empty() ? f.dense : f.grid) {
            Tree t;
            if (instantiate(f.text, g, u, scale, m, t)) out.push_back(t);
        }
}

void factors_of(const Tree& u, const Scale& scale, const Mutator& m, bool graded, std::vector<Tree>& out) {
    const auto put = [&](const char* text, double g) {
        Tree t;
        if (instantiate(text, g, u, scale, m, t)) out.push_back(t);
    };
    for (const char* text : {"u sin", "u cos", "u exp", "u neg exp", "u log", "u sqrt", "u tanh", "u square sin", "u square cos", "u cube sin"}) put(text, 1.0);
    if (!graded) return;
    for (double g : {0.6, 1.2, 2.0, 3.3, 5.0}) {
        put("u S * sin", g);
        put("u S * cos", g);
    }
    for (double g : {0.7, -0.7, -2.5}) put("u S * exp", g);
}

void saturations_of(const Tree& u, const Scale& scale, const Mutator& m, std::vector<Tree>& out) {
    const auto put = [&](const char* text, double g) {
        Tree t;
        if (instantiate(text, g, u, scale, m, t)) out.push_back(t);
    };
    for (double g : {0.3, 1.5}) {
        put("u M + inv", g);
        put("u u M + /", g);
    }
    put("u square P + inv", 0.8);
    put("u square u square P + /", 0.8);
    put("u S * exp", -1.0);
}

}  // namespace nde
