// A canonical form of formulas: sums with coefficients over products with exponents. What the simplifier works on.
#pragma once

#include <cstdint>
#include <vector>

#include "options.hpp"
#include "tree.hpp"

namespace nde {

struct Form {
    enum Kind { Number, Variable, Sum, Product, Function };
    Kind kind = Number;
    double value = 0.0;        // of a number; constant part of a sum
    int feature = 0;           // of a variable
    Op op = Op::Constant;      // of a function
    std::vector<Form> parts;   // of a sum, product or function
    std::vector<double> with;  // coefficients of a sum's parts, exponents of a product's
    std::uint64_t hash = 0;

    bool is_number() const { return kind == Number; }
};

// Constructors keep the form canonical: nested sums and products merged, equal parts collected, constants folded,
// parts ordered by hash.
Form number(double v);
Form variable(int feature);
Form sum(std::vector<Form> parts, std::vector<double> coefficients, double constant);
Form scaled(double c, const Form& f);
Form product(const Form& a, const Form& b);
Form power(const Form& base, double exponent);
Form function(Op op, std::vector<Form> arguments);

Form form_of(const Tree& tree, int i);
/// Move a common factor out of sums where that shortens them, and choose the scale of sums inside products.
Form shortest(const Form& f, const Options& options);
/// Multiply products of sums out (one level), so that each part gets a coefficient of its own.
Form expanded(const Form& f);
/// Weighted size of the formula as `write` writes it.
int size_of(const Form& f, const Options& options);
/// With `powers`, integer powers above 3 are written with the power operator even if the search does not use it.
bool write(const Form& f, const Options& options, bool powers, Tree& out);

}  // namespace nde
