// The operators of the search and what is fixed about them.
#pragma once

#include <cstdint>

namespace nde {

enum class Op : std::uint8_t {
    Constant, Variable,
    Add, Subtract, Multiply, Divide, Power, Minimum, Maximum,
    Negate, Exp, Log, Sqrt, Sin, Cos, Tan, Tanh, Abs, Square, Cube, Inverse,
    Count
};

inline constexpr int kOps = static_cast<int>(Op::Count);

inline constexpr const char* kOpNames[kOps] = {
    "constant", "variable", "+", "-", "*", "/", "^", "min", "max",
    "neg", "exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "abs", "square", "cube", "inv"};

constexpr int index(Op op) { return static_cast<int>(op); }

constexpr int arity(Op op) {
    return op <= Op::Variable ? 0 : op <= Op::Maximum ? 2 : 1;
}

constexpr bool commutes(Op op) {
    return op == Op::Add || op == Op::Multiply || op == Op::Minimum || op == Op::Maximum;
}

}  // namespace nde
