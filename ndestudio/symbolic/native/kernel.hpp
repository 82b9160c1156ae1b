// What the search asks of the processor: one table of functions per instruction set, chosen at load.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tree.hpp"

namespace nde {

/// Rows of a block: its intermediate values stay in the first-level cache.
inline constexpr int kBlock = 128;
/// Rows on which the dictionary of candidate terms is held.
inline constexpr int kSketch = 256;

struct Kernel {
    const char* name;

    /// Values of nodes begin..root over one block. `where[i]` receives the address of node i's 128 values: a column
    /// of the data, or `slots + 128 i`. The root is written to `out`. Constants are filled in when `fresh`.
    void (*forward)(const Node* nodes, int begin, int root, const double* const* columns, std::size_t row,
                    double* slots, const double** where, double* out, bool fresh);

    /// Adjoints of the nodes on the way to a constant; `adjoint + 128 root` holds the root's on entry.
    /// `wanted[i]` says that the subtree of i holds a constant.
    void (*reverse)(const Node* nodes, int begin, int root, const double* const* where, const unsigned char* wanted,
                    double* adjoint);

    /// Add to `sums` (n x n, upper triangle, row-major) the inner products of `n` columns over `rows` (times 8) rows.
    void (*gram)(const double* const* columns, int n, int rows, double* sums);

    /// y[i] = constant + sum of coefficients * columns.
    void (*combine)(const double* const* columns, const double* coefficients, int n, double constant, int rows, double* y);

    /// x[i] *= by[i].
    void (*scale)(double* x, const double* by, int rows);

    /// Inner products of `count` atoms of kSketch numbers each with `m` vectors; out[atom * m + vector]. Atoms are held as
    /// the upper halves of floats, since reading them takes most of the time.
    void (*correlate)(const std::uint16_t* atoms, int count, const float* vectors, int m, float* out);

    /// One elementary function over n (a multiple of 8) values; y is the second operand of power. For tests.
    void (*map)(Op op, const double* x, const double* y, double* out, int n);
};

/// The best table this processor runs, or the named one ("portable", "avx2", "avx512"); null if it cannot run.
const Kernel* select_kernel(const char* name = nullptr);

}  // namespace nde
