// A dictionary of simple candidate terms, held on a sketch of the rows, and the sparse regression that seeds a search.
#pragma once

#include <vector>

#include "evaluate.hpp"
#include "front.hpp"
#include "mutate.hpp"

namespace nde {

/// Atoms are monomials times one-parameter functions (exp(c u), sin(c u), 1/(c + u), u^2/(c + u^2), tanh(c u), ...) of
/// variables, products, quotients and differences, as far as the operators allow; c on a grid set by the data.
class Dictionary {
public:
    Dictionary() = default;
    Dictionary(const Options& options, const Mutator& mutator, const Data& data, Evaluator& e, int limit);

    int length(int k) const { return begin_[static_cast<std::size_t>(k) + 1] - begin_[static_cast<std::size_t>(k)]; }
    int size() const { return static_cast<int>(begin_.size()) - 1; }
    void atom(int k, Tree& out) const;
    const Data& sketch() const { return sketch_; }
    /// Share of the residuals of `m` (null: of the means) that each of the atoms first..first+count-1 would explain beside
    /// the terms of `m`, on the sketch or one target of it (orthogonal least squares: Chen, Billings, Luo 1989).
    void gains(Evaluator& e, const Data& sketch, const Individual* m, int first, int count, float* out) const;

private:
    void build(const Options& options, const Mutator& mutator, const Evaluator& e, int limit);
    /// Values `v` of an atom times its slope, orthogonal to the fixed columns of a template and of length 1.
    bool against(const std::vector<Buffer>& fixed, const Buffer& slope, Buffer& v) const;
    Data sketch_;
    std::vector<Node> nodes_;
    std::vector<int> begin_{0};
    std::vector<std::uint64_t> shape_;
    std::vector<std::uint16_t> values_;  // upper halves of floats, kSketch for each atom

public:
    std::uint64_t shape_of(int k) const { return shape_[static_cast<std::size_t>(k)]; }
};

/// Forward selection of atoms from several starts, each step exact over the best correlated ones, constants optimised.
/// Every stage is offered to `hall_of_fame`. Stops at `options.target`.
/// `sketch` is that of the dictionary, or one target of it.
void sparse_regression(const Options& options, const Data& sketch, const Data& data, const Dictionary& dictionary, Evaluator& e,
                       HallOfFame& hall_of_fame);

}  // namespace nde
