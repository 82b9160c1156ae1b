// The evaluation kernel. Compiled once per instruction set with NDE_ISA (a name) and NDE_WIDTH (doubles per vector);
// nothing with external linkage but the table itself, and no library templates, may appear here: the linker would be
// free to use an instruction set's copy elsewhere.
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernel.hpp"

#define NDE_JOIN_(a, b) a##b
#define NDE_JOIN(a, b) NDE_JOIN_(a, b)
#define NDE_TEXT_(a) #a
#define NDE_TEXT(a) NDE_TEXT_(a)

namespace nde {
namespace {

#include "elementary.hpp"

#define NDE_ROWS for (int r = 0; r < kBlock; r += NDE_LANES)

void unary(Op op, const double* a, double* out) {
    switch (op) {
        case Op::Negate: NDE_ROWS store(out + r, -load(a + r)); break;
        case Op::Exp: NDE_ROWS store(out + r, exp_v(load(a + r))); break;
        case Op::Log: NDE_ROWS store(out + r, log_v(load(a + r))); break;
        case Op::Sin: NDE_ROWS store(out + r, sin_v(load(a + r))); break;
        case Op::Cos: NDE_ROWS store(out + r, cos_v(load(a + r))); break;
        case Op::Tan: NDE_ROWS { const V x = load(a + r); store(out + r, sin_v(x) / cos_v(x)); } break;
        case Op::Tanh: NDE_ROWS store(out + r, tanh_v(load(a + r))); break;
        case Op::Abs: NDE_ROWS store(out + r, magnitude(load(a + r))); break;
        case Op::Square: NDE_ROWS { const V x = load(a + r); store(out + r, x * x); } break;
        case Op::Cube: NDE_ROWS { const V x = load(a + r); store(out + r, x * x * x); } break;
        case Op::Inverse: NDE_ROWS store(out + r, 1.0 / load(a + r)); break;
        case Op::Sqrt: for (int r = 0; r < kBlock; ++r) out[r] = sqrt(a[r]); break;
        default: break;
    }
}

void binary(Op op, const double* a, const double* b, double* out) {
    switch (op) {
        case Op::Add: NDE_ROWS store(out + r, load(a + r) + load(b + r)); break;
        case Op::Subtract: NDE_ROWS store(out + r, load(a + r) - load(b + r)); break;
        case Op::Multiply: NDE_ROWS store(out + r, load(a + r) * load(b + r)); break;
        case Op::Divide: NDE_ROWS store(out + r, load(a + r) / load(b + r)); break;
        case Op::Minimum: NDE_ROWS store(out + r, lower(load(a + r), load(b + r))); break;
        case Op::Maximum: NDE_ROWS store(out + r, upper(load(a + r), load(b + r))); break;
        case Op::Power: NDE_ROWS store(out + r, power_v(load(a + r), load(b + r))); break;
        default: break;
    }
}

bool small_integer(double x) { return x == (double)(int)(x > 16.0 ? 17.0 : x < -16.0 ? -17.0 : x) && x <= 16.0 && x >= -16.0; }

void forward(const Node* nodes, int begin, int root, const double* const* columns, size_t row, double* slots,
             const double** where, double* out, bool fresh) {
    for (int i = begin; i <= root; ++i) {
        const Node& n = nodes[i];
        double* slot = i == root ? out : slots + kBlock * i;
        where[i] = slot;
        if (n.op == Op::Variable) {
            where[i] = columns[n.feature] + row;
            if (i == root) memcpy(out, where[i], sizeof(double) * kBlock);
        } else if (n.op == Op::Constant) {
            if (fresh || i == root) NDE_ROWS store(slot + r, splat(n.value));
        } else if (arity(n.op) == 1) {
            unary(n.op, where[i - 1], slot);
        } else {
            const int left = i - 1 - nodes[i - 1].length;
            if (n.op == Op::Power && nodes[i - 1].op == Op::Constant && small_integer(nodes[i - 1].value)) {
                const int exponent = (int)nodes[i - 1].value;
                const double* a = where[left];
                NDE_ROWS store(slot + r, power_integer(load(a + r), exponent));
            } else {
                binary(n.op, where[left], where[i - 1], slot);
            }
        }
    }
}

// Adjoint of the operand(s) of a node from its own, g; da or db may be null when not wanted.
void back_unary(Op op, const double* a, const double* y, const double* g, double* da) {
    switch (op) {
        case Op::Negate: NDE_ROWS store(da + r, -load(g + r)); break;
        case Op::Exp: NDE_ROWS store(da + r, load(g + r) * load(y + r)); break;
        case Op::Log: NDE_ROWS store(da + r, load(g + r) / load(a + r)); break;
        case Op::Sin: NDE_ROWS store(da + r, load(g + r) * cos_v(load(a + r))); break;
        case Op::Cos: NDE_ROWS store(da + r, -load(g + r) * sin_v(load(a + r))); break;
        case Op::Tan:
        case Op::Tanh: {
            const double sign = op == Op::Tan ? 1.0 : -1.0;
            NDE_ROWS { const V t = load(y + r); store(da + r, load(g + r) * (1.0 + sign * t * t)); }
            break;
        }
        case Op::Abs: NDE_ROWS { const V s = load(g + r); store(da + r, choose(load(a + r) < 0.0, -s, s)); } break;
        case Op::Square: NDE_ROWS store(da + r, load(g + r) * 2.0 * load(a + r)); break;
        case Op::Cube: NDE_ROWS { const V x = load(a + r); store(da + r, load(g + r) * 3.0 * x * x); } break;
        case Op::Inverse: NDE_ROWS { const V t = load(y + r); store(da + r, -load(g + r) * t * t); } break;
        case Op::Sqrt: NDE_ROWS store(da + r, load(g + r) * 0.5 / load(y + r)); break;
        default: break;
    }
}

void back_binary(Op op, const double* a, const double* b, const double* y, const double* g, double* da, double* db) {
    switch (op) {
        case Op::Add:
        case Op::Subtract:
            if (da) NDE_ROWS store(da + r, load(g + r));
            if (db) NDE_ROWS { const V s = load(g + r); store(db + r, op == Op::Add ? s : -s); }
            break;
        case Op::Multiply:
            if (da) NDE_ROWS store(da + r, load(g + r) * load(b + r));
            if (db) NDE_ROWS store(db + r, load(g + r) * load(a + r));
            break;
        case Op::Divide:
            if (da) NDE_ROWS store(da + r, load(g + r) / load(b + r));
            if (db) NDE_ROWS store(db + r, -load(g + r) * load(y + r) / load(b + r));
            break;
        case Op::Minimum:
        case Op::Maximum:
            NDE_ROWS {
                const V s = load(g + r), zero = splat(0.0), p = load(a + r), q = load(b + r);
                const V first = op == Op::Minimum ? choose(p < q, s, zero) : choose(p > q, s, zero);
                if (da) store(da + r, first);
                if (db) store(db + r, s - first);
            }
            break;
        case Op::Power:
            if (da) NDE_ROWS store(da + r, load(g + r) * load(b + r) * load(y + r) / load(a + r));
            if (db) NDE_ROWS {
                const V t = load(a + r);
                store(db + r, choose(t > 0.0, load(g + r) * load(y + r) * log_v(t), splat(0.0)));
            }
            break;
        default: break;
    }
}

void reverse(const Node* nodes, int begin, int root, const double* const* where, const unsigned char* wanted,
             double* adjoint) {
    for (int i = root; i >= begin; --i) {
        if (!wanted[i] || arity(nodes[i].op) == 0) continue;
        const double* g = adjoint + kBlock * i;
        if (arity(nodes[i].op) == 1) {
            back_unary(nodes[i].op, where[i - 1], where[i], g, adjoint + kBlock * (i - 1));
        } else {
            const int left = i - 1 - nodes[i - 1].length;
            back_binary(nodes[i].op, where[left], where[i - 1], where[i], g, wanted[left] ? adjoint + kBlock * left : nullptr,
                        wanted[i - 1] ? adjoint + kBlock * (i - 1) : nullptr);
        }
    }
}

void gram(const double* const* columns, int n, int rows, double* sums) {
    const int step = 4 * NDE_LANES;
    for (int i = 0; i < n; ++i) {
        const double* a = columns[i];
        int j = i;
        for (; j + 1 < n; j += 2) {
            const double *b = columns[j], *c = columns[j + 1];
            V b0 = splat(0.0), b1 = b0, b2 = b0, b3 = b0, c0 = b0, c1 = b0, c2 = b0, c3 = b0;
            int r = 0;
            for (; r + step <= rows; r += step) {
                const V a0 = load(a + r), a1 = load(a + r + NDE_LANES), a2 = load(a + r + 2 * NDE_LANES), a3 = load(a + r + 3 * NDE_LANES);
                b0 += a0 * load(b + r); b1 += a1 * load(b + r + NDE_LANES);
                b2 += a2 * load(b + r + 2 * NDE_LANES); b3 += a3 * load(b + r + 3 * NDE_LANES);
                c0 += a0 * load(c + r); c1 += a1 * load(c + r + NDE_LANES);
                c2 += a2 * load(c + r + 2 * NDE_LANES); c3 += a3 * load(c + r + 3 * NDE_LANES);
            }
            for (; r < rows; r += NDE_LANES) { b0 += load(a + r) * load(b + r); c0 += load(a + r) * load(c + r); }
            sums[i * n + j] += total((b0 + b1) + (b2 + b3));
            sums[i * n + j + 1] += total((c0 + c1) + (c2 + c3));
        }
        if (j < n) {
            const double* b = columns[j];
            V b0 = splat(0.0), b1 = b0;
            int r = 0;
            for (; r + 2 * NDE_LANES <= rows; r += 2 * NDE_LANES) {
                b0 += load(a + r) * load(b + r);
                b1 += load(a + r + NDE_LANES) * load(b + r + NDE_LANES);
            }
            for (; r < rows; r += NDE_LANES) b0 += load(a + r) * load(b + r);
            sums[i * n + j] += total(b0 + b1);
        }
    }
}

void combine(const double* const* columns, const double* coefficients, int n, double constant, int rows, double* y) {
    for (int r = 0; r < rows; r += NDE_LANES) {
        V s = splat(constant);
        for (int k = 0; k < n; ++k) s += load(columns[k] + r) * coefficients[k];
        store(y + r, s);
    }
}

void scale(double* x, const double* by, int rows) {
    for (int r = 0; r < rows; r += NDE_LANES) store(x + r, load(x + r) * load(by + r));
}

void correlate(const uint16_t* atoms, int count, const float* vectors, int m, float* out) {
    for (int k = 0; k < count; ++k) {
        const uint16_t* half = atoms + (size_t)k * kSketch;
        uint32_t bits[kSketch];
        float a[kSketch];
        for (int i = 0; i < kSketch; ++i) bits[i] = (uint32_t)half[i] << 16;
        memcpy(a, bits, sizeof a);
        for (int v = 0; v < m; ++v) {
            const float* r = vectors + (size_t)v * kSketch;
            float s[32] = {0};
            for (int i = 0; i < kSketch; i += 32)
                for (int j = 0; j < 32; ++j) s[j] += a[i + j] * r[i + j];
            for (int j = 0; j < 16; ++j) s[j] += s[j + 16];
            for (int j = 0; j < 8; ++j) s[j] += s[j + 8];
            for (int j = 0; j < 4; ++j) s[j] += s[j + 4];
            out[k * m + v] = (s[0] + s[1]) + (s[2] + s[3]);
        }
    }
}

void map(Op op, const double* x, const double* y, double* out, int n) {
    double a[kBlock + 8], b[kBlock + 8], c[kBlock + 8];
    double* pa = (double*)(((size_t)a + 63) & ~(size_t)63);
    double* pb = (double*)(((size_t)b + 63) & ~(size_t)63);
    double* pc = (double*)(((size_t)c + 63) & ~(size_t)63);
    for (int begin = 0; begin < n; begin += kBlock) {
        const int m = n - begin < kBlock ? n - begin : kBlock;
        for (int i = 0; i < kBlock; ++i) {
            pa[i] = i < m ? x[begin + i] : 1.0;
            pb[i] = i < m && y ? y[begin + i] : 1.0;
        }
        if (arity(op) == 1) unary(op, pa, pc);
        else binary(op, pa, pb, pc);
        memcpy(out + begin, pc, sizeof(double) * (size_t)m);
    }
}

}  // namespace

extern const Kernel NDE_JOIN(kernel_, NDE_ISA);
const Kernel NDE_JOIN(kernel_, NDE_ISA) = {NDE_TEXT(NDE_ISA), forward, reverse, gram, combine, scale, correlate, map};

}  // namespace nde
