// Random changes of trees. Each kind is tried only where it can apply.
#pragma once

#include <vector>

#include "data.hpp"
#include "dimension.hpp"
#include "individual.hpp"
#include "random.hpp"

namespace nde {

enum class Move {
    Constant, Operator, Feature, Insert, Delete, Grow, Rotate, Swap, Graft, Randomise, Saturate, Affine, AddTerm, Multiply,
    Simplify, Residual, Exchange, Backsolve,
    Count
};

inline constexpr int kMoves = static_cast<int>(Move::Count);

class Mutator {
public:
    Mutator(const Options& options, const Data& data);

    bool applies(Move move, const Tree& tree) const;
    /// One change of this kind (only the structural kinds); false if it came to nothing.
    bool change(Move move, const Tree& tree, double temperature, Random& random, Tree& out) const;
    bool cross(const Tree& a, const Tree& b, Random& random, Tree& out) const;
    /// A random tree of about `size` nodes.
    bool grow(int size, Random& random, Tree& out) const;
    bool leaf(Random& random, Tree& out) const;
    /// A normalised tree made consistent in its dimensions; false without the constraint, or if none was found.
    bool mend(const Tree& tree, Random& random, Tree& out) const;

    const std::vector<Op>& unary() const { return unary_; }
    const std::vector<Op>& binary() const { return binary_; }
    bool can(Op op) const { return usable_[index(op)]; }

private:
    double number(Random& random) const;
    double number_like(const Tree& tree, int i, Random& random) const;
    bool append_random(int size, Random& random, Tree& out) const;
    bool row(Random& random, double* x) const;

    const Options& options_;
    const Data& data_;
    std::vector<Op> unary_, binary_;
    bool usable_[kOps] = {};
    Mender mender_;
};

}  // namespace nde
