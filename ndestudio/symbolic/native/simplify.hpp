// From individuals of the hall of fame to the formulas that are shown: reduced, simplified, snapped, recounted.
#pragma once

#include <vector>

#include "evaluate.hpp"
#include "form.hpp"
#include "front.hpp"
#include "template_fit.hpp"

namespace nde {

struct Simplified {
    std::vector<Tree> formulas;  // explicit, in units of y, one per target
    Written written;             // of a template, instead
    std::vector<double> losses;
    double loss = 0.0;
    int complexity = 0;
    double criterion = 0.0;  // as of an individual
};

/// The explicit formulas in their shortest form. Constants are snapped to integers, short fractions and multiples of pi
/// where the loss allows. False if it cannot be written or evaluated.
bool simplify_individual(const Individual& individual, const Data& data, Evaluator& e, Simplified& out);
/// The same for an individual of a template: its functions and parameters.
bool simplify_template(const Individual& individual, const Data& data, Evaluator& e, Simplified& out);
/// Losses of its formulas on `data`; false if they are not finite.
bool measure(Simplified& simplified, const Data& data, Evaluator& e);

/// Values that a reader would rather see than `v`, the plainest first.
std::vector<double> plain_values(double v);
/// Up to what loss a constant may be snapped: nothing that the samples could tell. `whole`: it removes a parameter.
double snapped_loss(double loss, int rows, bool whole);

/// Offer `m` to `hall_of_fame`, and if it is taken also what is left of it without its least paying term, and so on:
/// the best individual of a small size is rarely the best fit with everything in it. True if `m` itself was taken.
bool offer(HallOfFame& hall_of_fame, const Individual& m, const Data& data, Evaluator& e);

/// Offer to `hall_of_fame` whatever simpler neighbours of `m` (subtrees deleted, terms dropped) fit, constants
/// optimised. True if one of them does nearly as well as `m` itself; it is then put into `m`.
bool reduce(Individual& m, const Data& data, Evaluator& e, HallOfFame& hall_of_fame);

/// Whether the tree means nothing but a cancellation or a function in its linear range: sums a thousand times smaller than
/// their operands, sin(1e-3 x). Such trees imitate simpler ones that the search has not met.
bool imitates(const Tree& tree, const Data& data);

/// Rewrite the terms of a tree in canonical form; `expand` multiplies products of sums out first.
bool simplify(const Tree& tree, const Options& options, bool expand, Tree& out);

}  // namespace nde
