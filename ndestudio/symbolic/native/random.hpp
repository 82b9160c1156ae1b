// A counter-based generator: the n-th number is a hash of (key, n), so that its state is two integers.
// The hash is SplitMix64's finaliser (Steele, Lea, Flood 2014).
#pragma once

#include <cmath>
#include <cstdint>

namespace nde {

inline std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

struct Random {
    std::uint64_t key = 0;
    std::uint64_t counter = 0;

    Random() = default;
    Random(std::uint64_t seed, std::uint64_t stream) : key(mix(seed * 0x9E3779B97F4A7C15ull + mix(stream + 1))) {}

    std::uint64_t next() { return mix(key + (++counter) * 0x9E3779B97F4A7C15ull); }
    /// In [0, 1).
    double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
    double uniform(double low, double high) { return low + (high - low) * uniform(); }
    /// In 0 .. n-1.
    int below(int n) { return static_cast<int>(((next() >> 32) * static_cast<std::uint64_t>(n)) >> 32); }
    bool chance(double p) { return uniform() < p; }
    double normal() {
        const double u = 1.0 - uniform(), v = uniform();
        return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v);
    }
};

}  // namespace nde
