// One-parameter functions of an argument, as templates: the alphabet of the dictionary.
#pragma once

#include <vector>

#include "mutate.hpp"

namespace nde {

/// How an argument is distributed; sets the grids of the constants.
struct Scale {
    double middle = 1.0;  // median magnitude
    double spread = 1.0;  // standard deviation
    double mean = 0.0;
};

Scale scale_of(std::vector<double> values);

/// All families of the argument `u` that the operators allow. `dense`: finer grids, for plain variables.
void families(const Tree& u, const Scale& scale, const Mutator& mutator, bool dense, std::vector<Tree>& out);

/// Functions of the variable alone that are worth multiplying with one another: sin u, exp(-u), ...; `graded` ones
/// carry a constant to be fitted.
void factors_of(const Tree& u, const Scale& scale, const Mutator& mutator, bool graded, std::vector<Tree>& out);

/// Saturating and inhibiting functions of the variable, of which two of different variables may stand in one term: double
/// Monod kinetics, mutual interference.
void saturations_of(const Tree& u, const Scale& scale, const Mutator& mutator, std::vector<Tree>& out);

}  // namespace nde
