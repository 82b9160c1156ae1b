// Branch-free elementary functions in double precision over vectors of NDE_WIDTH lanes.
//
// Included by kernel.cpp alone, once per instruction set, inside that set's own namespace: nothing here may be
// shared between translation units. Bounds (tested against the C library in extended precision):
//   exp   relative error <= 2e-15 (full range; overflows to inf above 709.78, reaches 0 below -745.13)
//   log   relative error <= 1e-15, absolute 1e-16 near 1; NaN below 0, -inf at 0
//   sin, cos  absolute error <= 4e-16 for |x| <= 2^26; NaN outside, where a formula means nothing anyway
//   tan   relative error <= 4e-15 away from its poles; tanh relative error <= 2e-15
//   pow   relative error <= 4e-16 * (4 + 2 |y log x|)
// exp and log reduce their argument as fdlibm does (Sun Microsystems 1993); log's polynomial is fdlibm's, tanh's
// small-argument rational is Cephes' (Moshier 1989), exp and sin use Taylor polynomials of degree 13 and 21.

#if defined(__GNUC__) || defined(__clang__)
#define NDE_INLINE static inline __attribute__((always_inline))
typedef double V __attribute__((vector_size(8 * NDE_WIDTH), may_alias));
typedef long long I __attribute__((vector_size(8 * NDE_WIDTH), may_alias));
#define NDE_LANES NDE_WIDTH
NDE_INLINE V splat(double x) { return V{} + x; }
NDE_INLINE I bits(V x) { return (I)x; }
NDE_INLINE V real(I x) { return (V)x; }
NDE_INLINE V load(const double* p) { return *reinterpret_cast<const V*>(p); }
NDE_INLINE void store(double* p, V x) { *reinterpret_cast<V*>(p) = x; }
NDE_INLINE V choose(I mask, V a, V b) { return mask ? a : b; }
NDE_INLINE double total(V x) {
    double s = 0.0;
    for (int i = 0; i < NDE_WIDTH; ++i) s += x[i];
    return s;
}
#else  // MSVC: plain doubles, the loops over them vectorise by /arch
#define NDE_INLINE static __forceinline
typedef double V;
typedef long long I;
#define NDE_LANES 1
NDE_INLINE V splat(double x) { return x; }
NDE_INLINE I bits(V x) { I r; memcpy(&r, &x, 8); return r; }
NDE_INLINE V real(I x) { V r; memcpy(&r, &x, 8); return r; }
NDE_INLINE V load(const double* p) { return *p; }
NDE_INLINE void store(double* p, V x) { *p = x; }
NDE_INLINE V choose(bool mask, V a, V b) { return mask ? a : b; }
NDE_INLINE double total(V x) { return x; }
#endif

NDE_INLINE V magnitude(V x) { return real(bits(x) & 0x7FFFFFFFFFFFFFFFll); }
NDE_INLINE V with_sign_of(V x, V s) { return real(bits(x) | (bits(s) & static_cast<long long>(0x8000000000000000ull))); }

// 1.5 * 2^52: adding it rounds to the nearest integer, which then stands in the low bits.
static const double kRound = 6755399441055744.0;

NDE_INLINE V lower(V a, V b) { return choose(a < b, a, b); }
NDE_INLINE V upper(V a, V b) { return choose(a > b, a, b); }

NDE_INLINE V exp_v(V x) {
    const V clipped = choose(x > 720.0, splat(720.0), choose(x < -760.0, splat(-760.0), x));
    const V shifted = clipped * 1.4426950408889634074 + kRound;
    const I n = bits(shifted) - bits(splat(kRound));
    const V k = shifted - kRound;
    const V r = (clipped - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
    V p = splat(1.0 / 6227020800.0);
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r * r + r + 1.0;
    const I half = n >> 1;
    const V a = real((half + 1023) << 52), b = real((n - half + 1023) << 52);
    const V y = p * a * b;
    return choose(x == x, y, x);
}

NDE_INLINE V log_v(V x) {
    const V scaled = choose(x < 2.2250738585072014e-308, x * 18014398509481984.0, x);
    const V shift = choose(x < 2.2250738585072014e-308, splat(-54.0), splat(0.0));
    const I ix = bits(scaled);
    // the exponent such that the mantissa lies in [sqrt(1/2), sqrt(2))
    const I e = (ix - 0x3FE6A09E667F3BCDll) >> 52;
    const V m = real(ix - (e << 52));
    const V k = real(e + bits(splat(kRound))) - kRound + shift;
    const V f = m - 1.0;
    const V s = f / (f + 2.0);
    const V z = s * s;
    V r = splat(1.479819860511658591e-01);
    r = r * z + 1.531383769920937332e-01;
    r = r * z + 1.818357216161805012e-01;
    r = r * z + 2.222219843214978396e-01;
    r = r * z + 2.857142874366239149e-01;
    r = r * z + 3.999999999940941908e-01;
    r = r * z + 6.666666666666735130e-01;
    r = r * z;
    const V h = f * f * 0.5;
    V y = k * 6.93147180369123816490e-01 - ((h - (s * (h + r) + k * 1.90821492927058770002e-10)) - f);
    y = choose(x > 1.7976931348623157e308, x, y);
    y = choose(x == 0.0, splat(-1.0) / (magnitude(x) * 0.0), y);
    return choose(x >= 0.0, y, real(bits(splat(0.0)) | 0x7FF8000000000000ll));
}

// sin(r) for |r| <= pi/2 + rounding, by its Taylor polynomial of degree 21.
NDE_INLINE V sine_core(V r) {
    const V z = r * r;
    V p = splat(1.0 / 51090942171709440000.0);
    p = p * z - 1.0 / 121645100408832000.0;
    p = p * z + 1.0 / 355687428096000.0;
    p = p * z - 1.0 / 1307674368000.0;
    p = p * z + 1.0 / 6227020800.0;
    p = p * z - 1.0 / 39916800.0;
    p = p * z + 1.0 / 362880.0;
    p = p * z - 1.0 / 5040.0;
    p = p * z + 1.0 / 120.0;
    p = p * z - 1.0 / 6.0;
    return p * z * r + r;
}

// x - k pi with pi in three parts, the first two of 26 bits, so that their products with k are exact.
NDE_INLINE V minus_k_pi(V x, V k) {
    return ((x - k * 3.1415926218032837) - k * 3.1786509424591713e-08) - k * 1.2246467991473532e-16;
}

NDE_INLINE V outside(V x, V y) {
    return choose(magnitude(x) <= 67108864.0, y, real(bits(splat(0.0)) | 0x7FF8000000000000ll));
}

NDE_INLINE V sin_v(V x) {
    const V shifted = x * 3.18309886183790671538e-01 + kRound;
    const V k = shifted - kRound;
    const V y = sine_core(minus_k_pi(x, k));
    return outside(x, real(bits(y) ^ (bits(shifted) << 63)));
}

NDE_INLINE V cos_v(V x) {
    const V shifted = (x * 3.18309886183790671538e-01 - 0.5) + kRound;
    const V k = (shifted - kRound) + 0.5;
    const V y = sine_core(minus_k_pi(x, k));
    return outside(x, real(bits(-y) ^ (bits(shifted) << 63)));
}

NDE_INLINE V tanh_v(V x) {
    const V a = magnitude(x);
    const V z = x * x;
    const V p = ((-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3);
    const V q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3;
    const V small = x + x * (z * p / q);
    const V large = 1.0 - 2.0 / (exp_v(choose(a < 40.0, a, splat(40.0)) * 2.0) + 1.0);
    const V y = choose(a < 0.625, small, with_sign_of(large, x));
    return choose(x == x, y, x);
}

NDE_INLINE V power_integer(V x, int n) {
    V result = splat(1.0), base = x;
    for (unsigned m = static_cast<unsigned>(n < 0 ? -n : n); m; m >>= 1) {
        if (m & 1u) result = result * base;
        base = base * base;
    }
    return n < 0 ? 1.0 / result : result;
}

NDE_INLINE V power_v(V x, V y) {
    const V size = exp_v(y * log_v(magnitude(x)));
    // an exponent that is an integer lets the base be negative
    const V small = choose(magnitude(y) < 1e9, y, splat(0.5));
    const V shifted = small + kRound;
    const V rounded = shifted - kRound;
    const V sign = real(bits(splat(1.0)) ^ (bits(shifted) << 63));
    const V none = real(bits(splat(0.0)) | 0x7FF8000000000000ll);
    const V negative = choose(rounded == small, size * sign, none);
    const V y0 = choose(y == 0.0, splat(1.0), size);
    return choose(x < 0.0, negative, y0);
}
