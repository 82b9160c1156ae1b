// A known formula with unknown functions in it: y = T(columns, f(..), g(..), .., parameters). The search evolves the
// functions.
#pragma once

#include <vector>

#include "random.hpp"
#include "tree.hpp"

namespace nde {

inline constexpr int kMaxFunctions = 4;
inline constexpr int kMaxParameters = 6;

/// Every argument of every function is a feature of its own, so that a term tells by its features whose it is.
struct FormulaTemplate {
    int functions = 0;
    int parameters = 0;
    int first[kMaxFunctions + 1] = {};  // the arguments of function j are the features first[j] .. first[j + 1] - 1
    std::vector<int> source;            // per feature, the quantity it is: equal ones may stand for one another
    int columns = 0;                    // features and the columns behind them that only the known part sees
    Tree tree;                          // T over columns, then values of functions, then parameters
    double offset[kMaxFunctions] = {};  // where fits of the constant parts of the functions begin
    double parameter[kMaxParameters] = {};

    bool active() const { return functions > 0; }
    int value_of(int j) const { return columns + j; }
    int parameter_at(int p) const { return columns + functions + p; }
    int function_of(int feature) const {
        int j = 0;
        while (j + 1 < functions && feature >= first[j + 1]) ++j;
        return j;
    }
    /// The function whose term ends at node `root`; -1 if it mixes arguments of several.
    int owner(const Tree& tree, int root) const;
};

/// Whether each term of a normalised tree belongs to one function.
bool assigned(const Tree& tree, const FormulaTemplate& formula_template);
/// Give each term of a normalised tree to the function of its first variable, exchanging foreign arguments for its own.
bool assign(const Tree& tree, const FormulaTemplate& formula_template, int limit, Random& random, Tree& out);

}  // namespace nde
