#include "tree.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "random.hpp"

namespace nde {

bool measure(Tree& tree) {
    int stack[kMaxNodes], top = 0;
    for (int i = 0; i < tree.size; ++i) {
        int length = 1;
        for (int k = arity(tree.nodes[i].op); k > 0; --k) {
            if (top == 0) return false;
            length += stack[--top];
        }
        tree.nodes[i].length = static_cast<std::uint8_t>(length);
        stack[top++] = length;
    }
    return top == 1;
}

bool replace(const Tree& tree, int i, const Tree& with, int j, Tree& out) {
    const int start = tree.begin(i), gone = tree.nodes[i].length, come = with.nodes[j].length;
    const int size = tree.size - gone + come;
    if (size > kMaxNodes) return false;
    Tree result;
    std::memcpy(static_cast<void*>(result.nodes), tree.nodes, sizeof(Node) * static_cast<std::size_t>(start));
    std::memcpy(static_cast<void*>(result.nodes + start), with.nodes + with.begin(j), sizeof(Node) * static_cast<std::size_t>(come));
    std::memcpy(static_cast<void*>(result.nodes + start + come), tree.nodes + i + 1,
                sizeof(Node) * static_cast<std::size_t>(tree.size - i - 1));
    result.size = size;
    if (!measure(result)) return false;
    out = result;
    return true;
}

int parent(const Tree& tree, int i) {
    for (int p = i + 1; p < tree.size; ++p)
        if (tree.begin(p) <= i) return p;
    return -1;
}

bool has_variable(const Tree& tree, int i) {
    for (int k = tree.begin(i); k <= i; ++k)
        if (tree.nodes[k].op == Op::Variable) return true;
    return false;
}

bool has_constant(const Tree& tree, int i) {
    for (int k = tree.begin(i); k <= i; ++k)
        if (tree.nodes[k].op == Op::Constant) return true;
    return false;
}

int depth(const Tree& tree, int i) {
    int below[kMaxNodes];
    for (int k = tree.begin(i); k <= i; ++k) {
        const int n = arity(tree.nodes[k].op);
        below[k] = 1;
        if (n >= 1) below[k] = 1 + below[tree.first(k)];
        if (n == 2 && below[k - 1] + 1 > below[k]) below[k] = below[k - 1] + 1;
    }
    return below[i];
}

namespace {

std::uint64_t digest(const Tree& tree, int i, bool values) {
    std::uint64_t h[kMaxNodes];
    for (int k = tree.begin(i); k <= i; ++k) {
        const Node& n = tree.nodes[k];
        const std::uint64_t salt = (static_cast<std::uint64_t>(index(n.op)) + 1) * 0x9E3779B97F4A7C15ull;
        switch (arity(n.op)) {
            case 0: {
                std::uint64_t bits = n.feature;
                if (n.op == Op::Constant) {
                    bits = 0;
                    const double v = n.value + 0.0;
                    if (values) std::memcpy(&bits, &v, sizeof bits);
                }
                h[k] = mix(salt ^ mix(bits + 0x51ED27ull));
                break;
            }
            case 1: h[k] = mix(salt + 3 * h[k - 1]); break;
            default: {
                const std::uint64_t a = h[tree.left(k)], b = h[k - 1];
                h[k] = commutes(n.op) ? mix(salt + mix(a) + mix(b)) : mix(salt + 5 * mix(a) + 7 * b);
            }
        }
    }
    return h[i];
}

}  // namespace

std::uint64_t hash(const Tree& tree, int i) { return digest(tree, i, true); }
std::uint64_t shape(const Tree& tree, int i) { return digest(tree, i, false); }

bool same(const Tree& a, int i, const Tree& b, int j) {
    if (a.nodes[i].length != b.nodes[j].length) return false;
    const int n = a.nodes[i].length;
    for (int k = 0; k < n; ++k) {
        const Node &p = a.nodes[i - k], &q = b.nodes[j - k];
        if (p.op != q.op) return false;
        if (p.op == Op::Variable && p.feature != q.feature) return false;
        if (p.op == Op::Constant && !(p.value == q.value)) return false;
    }
    return true;
}

double value_at(const Tree& tree, int i, const double* row) {
    double v[kMaxNodes];
    for (int k = tree.begin(i); k <= i; ++k) {
        const Node& n = tree.nodes[k];
        const double b = k > 0 ? v[k - 1] : 0.0;
        const double a = arity(n.op) == 2 ? v[tree.left(k)] : b;
        switch (n.op) {
            case Op::Constant: v[k] = n.value; break;
            case Op::Variable: v[k] = row[n.feature]; break;
            case Op::Add: v[k] = a + b; break;
            case Op::Subtract: v[k] = a - b; break;
            case Op::Multiply: v[k] = a * b; break;
            case Op::Divide: v[k] = a / b; break;
            case Op::Power: v[k] = std::pow(a, b); break;
            case Op::Minimum: v[k] = a < b ? a : b; break;
            case Op::Maximum: v[k] = a > b ? a : b; break;
            case Op::Negate: v[k] = -a; break;
            case Op::Exp: v[k] = std::exp(a); break;
            case Op::Log: v[k] = std::log(a); break;
            case Op::Sqrt: v[k] = std::sqrt(a); break;
            case Op::Sin: v[k] = std::sin(a); break;
            case Op::Cos: v[k] = std::cos(a); break;
            case Op::Tan: v[k] = std::tan(a); break;
            case Op::Tanh: v[k] = std::tanh(a); break;
            case Op::Abs: v[k] = std::fabs(a); break;
            case Op::Square: v[k] = a * a; break;
            case Op::Cube: v[k] = a * a * a; break;
            case Op::Inverse: v[k] = 1.0 / a; break;
            case Op::Count: v[k] = 0.0; break;
        }
    }
    return v[i];
}

std::string text(const Tree& tree) {
    std::string out;
    char buffer[40];
    for (int i = 0; i < tree.size; ++i) {
        const Node& n = tree.nodes[i];
        if (i) out += ' ';
        if (n.op == Op::Constant) {
            std::snprintf(buffer, sizeof buffer, "%.17g", n.value);
            out += buffer;
        } else if (n.op == Op::Variable) {
            out += 'x' + std::to_string(n.feature);
        } else {
            out += kOpNames[index(n.op)];
        }
    }
    return out;
}

bool parse(const std::string& text, Tree& out) {
    std::istringstream words(text);
    std::string word;
    Tree tree;
    while (words >> word) {
        bool known = false;
        for (int op = 2; op < kOps && !known; ++op)
            if (word == kOpNames[op]) {
                if (!tree.apply(static_cast<Op>(op))) return false;
                known = true;
            }
        if (known) continue;
        char* end = nullptr;
        if (word[0] == 'x' && word.size() > 1) {
            const long k = std::strtol(word.c_str() + 1, &end, 10);
            if (*end || k < 0 || k > 65535 || !tree.variable(static_cast<int>(k))) return false;
        } else {
            const double v = std::strtod(word.c_str(), &end);
            if (*end || !tree.constant(v)) return false;
        }
    }
    if (tree.size == 0 || tree.nodes[tree.size - 1].length != tree.size) return false;
    out = tree;
    return true;
}

}  // namespace nde
