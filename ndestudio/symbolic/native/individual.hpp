// A candidate: a sum of terms with fitted coefficients, for each target its own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "data.hpp"
#include "linear.hpp"
#include "options.hpp"
#include "tree.hpp"

namespace nde {

/// What was fitted to one target: constant + sum coefficient[k] * term[k], in units of the scaled target.
struct Fitted {
    double coefficient[kMaxTerms] = {};  // 0: the target does not use the term
    double constant = 0.0;
    double loss = std::numeric_limits<double>::infinity();
    bool intercept = true;
};

/// `tree` is a left-leaning chain of additions over `terms` subtrees, without the coefficients, which stand apart.
struct Individual {
    Tree tree;
    int terms = 0;
    int targets = 1;
    int complexity = 0;
    double loss = std::numeric_limits<double>::infinity();       // mean over the targets
    double fitness = std::numeric_limits<double>::infinity();    // mean of log(loss + 1e-30) over the targets
    double criterion = std::numeric_limits<double>::infinity();  // fitness + fitted numbers * log(rows) / (rows * targets)
    std::uint64_t hash = 0;
    std::uint64_t born = 0;
    Fitted fit[kMaxTargets];

    // of a template, instead of constant and intercept; coefficients are in the unit of their function
    double offset[kMaxFunctions] = {};
    double parameter[kMaxParameters] = {};
    unsigned offsets = 0;  // bit j: the constant part of function j is fitted
    bool begun = false;    // the values above are those of a fit

    Individual() = default;
    Individual(const Individual& other) { *this = other; }
    Individual& operator=(const Individual& other) {
        tree = other.tree;
        terms = other.terms;
        targets = other.targets;
        complexity = other.complexity;
        loss = other.loss;
        fitness = other.fitness;
        criterion = other.criterion;
        hash = other.hash;
        born = other.born;
        std::copy(other.fit, other.fit + other.targets, fit);
        begun = other.begun;
        offsets = other.offsets;
        if (begun) {
            std::copy_n(other.offset, kMaxFunctions, offset);
            std::copy_n(other.parameter, kMaxParameters, parameter);
        }
        return *this;
    }
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
/// Weighted size of the explicit formulas, coefficients included. A term that several targets use counts in full once and as
/// a variable after that. Of a template: of its functions.
int complexity(const Individual& individual, const Data& data, const Options& options);
/// Weighted size of explicit formulas; a summand that was there before counts as a variable.
int joint_complexity(const Tree* formulas, int n, const Options& options);
/// Numbers that were fitted to one or several targets: constants inside, coefficients other than +-1, the intercepts.
int fitted_numbers(const Individual& individual, const double* spread);
/// The formula of a target as one tree in units of y, coefficients written out; false if it does not fit.
bool formula(const Individual& individual, int target, const Data& data, const Options& options, Tree& out);
/// Whether each term of a normalised tree keeps the constraints: depth, arguments, nesting, dimensions.
bool permitted(const Tree& tree, const Options& options);
/// The same of the explicit formula of a target, the depth and the dimension of the whole included.
bool formula_permitted(const Tree& formula, int target, const Options& options);
/// The same of the formulas that an individual stands for, its coefficients written out.
bool presentable(const Individual& individual, const Data& data, const Options& options);

}  // namespace nde
