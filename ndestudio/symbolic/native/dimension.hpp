// Physical dimensions of trees, as a constraint of a search.
#pragma once

#include <vector>

#include "data.hpp"
#include "options.hpp"
#include "random.hpp"
#include "tree.hpp"

namespace nde {

/// Exponents of the base dimensions; `any` for what may still take every dimension: a constant that is a wildcard, a
/// variable without a known unit, and products with those.
struct Dimension {
    bool any = false;
    double exponent[kDimensions] = {};

    bool none() const;
    bool operator==(const Dimension& other) const;
    /// factor * this + other * sign; `any` spreads.
    Dimension plus(const Dimension& other, double sign) const;
    Dimension times(double factor) const;
};

Dimension feature_dimension(const Options& options, int feature);
Dimension target_dimension(const Options& options, int target);

/// Dimension of the subtree ending at i. False if it adds or compares unlike quantities, or takes a function of, or a
/// variable power with, something that has a dimension. A number as exponent multiplies the dimension of its base.
bool dimension_of(const Tree& tree, int i, const Options& options, Dimension& out);

/// Whether each term of a normalised tree is consistent, and where coefficients are pure numbers also like the target. The
/// targets are then all alike.
bool terms_consistent(const Tree& tree, const Options& options);
/// Whether an explicit formula is consistent and like the target.
bool formula_consistent(const Tree& formula, int target, const Options& options);
/// Whether a coefficient of a term must be written even if its value is 1, as the term is unlike the target (or, the
/// target being unknown, possibly unlike the other terms).
bool carries_dimension(const Tree& tree, int root, int terms, int target, const Options& options);

/// Multiplies operands that break the dimensions by what mends them: a constant where constants are wildcards, or a
/// product of powers of variables.
class Mender {
public:
    Mender() = default;
    Mender(const Options& options, int features, bool multiplies, bool divides, bool squares, bool roots);

    /// A consistent normalised tree out of a normalised one; false if none was found.
    bool mend(const Tree& tree, const Options& options, const Data& data, Random& random, Tree& out) const;
    /// A product of powers of this dimension, mostly a plain one.
    bool product(const Dimension& wanted, Random& random, Tree& out) const;

private:
    struct Entry {
        std::uint64_t key = 0;
        int cost = 0;
        std::uint16_t feature[3] = {};
        double power[3] = {};
    };
    void enumerate(const Options& options, const std::vector<int>& features, bool roots, Entry entry, Dimension sum,
                   std::size_t from, int depth);
    bool write(const Entry& e, Tree& out) const;

    bool multiplies_ = false, divides_ = false, squares_ = false;
    std::vector<Entry> entries_;  // by key, then cost
};

}  // namespace nde
