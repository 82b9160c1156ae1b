// A candidate: a sum of terms with fitted coefficients.
#pragma once

#include <cstdint>
#include <limits>

#include "linear.hpp"
#include "options.hpp"
#include "tree.hpp"

namespace nde {

/// `tree` is a left-leaning chain of additions over `terms` subtrees, without the coefficients, which stand apart
/// (in units of the scaled target). The formula is constant + sum coefficient[k] * term[k].
struct Member {
    Tree tree;
    int terms = 0;
    bool intercept = true;
    double coefficient[kMaxTerms] = {};
    double constant = 0.0;
    double loss = std::numeric_limits<double>::infinity();
    double criterion = std::numeric_limits<double>::infinity();  // log loss + fitted numbers * log(rows) / rows
    int complexity = 0;
    std::uint64_t hash = 0;
    std::uint64_t born = 0;
};

/// Root indices of the terms of a normalised tree, in order; their number.
int term_roots(const Tree& tree, int* roots);
/// Split the + / - chain at the top, drop constant factors, constant terms and repeated terms, fold constants.
/// False if nothing is left or it does not fit. At most `limit` terms are kept.
bool normalise(const Tree& tree, int limit, Tree& out);
/// A tree out of chosen terms of a normalised tree.
bool select_terms(const Tree& tree, const bool* keep, Tree& out);
/// Weighted size of the subtree ending at i.
int complexity(const Tree& tree, int i, const Options& options);
/// Weighted size of the explicit formula, coefficients included.
int complexity(const Member& member, double spread, const Options& options);
/// Numbers that were fitted: constants inside, coefficients other than +-1, the intercept.
int fitted_numbers(const Member& member, double spread);
/// The formula as one tree in units of y, coefficients written out; false if it does not fit.
bool formula(const Member& member, double spread, Tree& out);
/// Whether the tree keeps the depth, argument and nesting constraints.
bool permitted(const Tree& tree, const Options& options);

}  // namespace nde
