// From members of the hall of fame to the formulas that are shown: reduced, simplified, snapped, recounted.
#pragma once

#include <vector>

#include "evaluate.hpp"
#include "form.hpp"
#include "front.hpp"
#include "scheme_fit.hpp"

namespace nde {

struct Tidied {
    std::vector<Tree> formulas;  // explicit, in units of y, one per target
    Written written;             // of a scheme, instead
    std::vector<double> losses;
    double loss = 0.0;
    int complexity = 0;
    double criterion = 0.0;  // as of a member
};

/// The explicit formulas in their shortest form. Constants are snapped to integers, short fractions and multiples of pi
/// where the loss allows. False if it cannot be written or evaluated.
bool tidy(const Member& member, const Data& data, Evaluator& e, Tidied& out);
/// The same for a member of a scheme: its functions and parameters.
bool tidy_scheme(const Member& member, const Data& data, Evaluator& e, Tidied& out);
/// Losses of its formulas on `data`; false if they are not finite.
bool measure(Tidied& tidied, const Data& data, Evaluator& e);

/// Values that a reader would rather see than `v`, the plainest first.
std::vector<double> plain_values(double v);
/// Up to what loss a constant may be snapped: nothing that the samples could tell. `whole`: it removes a parameter.
double snapped_loss(double loss, int rows, bool whole);

/// Offer `m` to `hall`, and if it is taken also what is left of it without its least paying term, and so on: the best
/// member of a small size is rarely the best fit with everything in it. True if `m` itself was taken.
bool offer(Hall& hall, const Member& m, const Data& data, Evaluator& e);

/// Offer to `hall` whatever simpler neighbours of `m` (subtrees deleted, terms dropped) fit, constants polished. True if
/// one of them does nearly as well as `m` itself; it is then put into `m`.
bool reduce(Member& m, const Data& data, Evaluator& e, Hall& hall);

/// Whether the tree means nothing but a cancellation or a function in its linear range: sums a thousand times smaller than
/// their operands, sin(1e-3 x). Such trees imitate simpler ones that the search has not met.
bool imitates(const Tree& tree, const Data& data);

/// Rewrite the terms of a tree in canonical form; `expand` multiplies products of sums out first.
bool simplify(const Tree& tree, const Options& options, bool expand, Tree& out);

}  // namespace nde
