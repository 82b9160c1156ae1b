// Expression trees as fixed-size postfix arrays: children before parents, the root last.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "operators.hpp"

namespace nde {

inline constexpr int kMaxNodes = 64;

struct Node {
    double value = 0.0;         // of a constant
    std::uint16_t feature = 0;  // of a variable
    Op op = Op::Constant;
    std::uint8_t length = 1;    // nodes of the subtree that ends here
};

struct Tree {
    int size = 0;
    Node nodes[kMaxNodes];

    Tree() = default;
    Tree(const Tree& other) { *this = other; }
    Tree& operator=(const Tree& other) {
        size = other.size;
        std::memcpy(static_cast<void*>(nodes), other.nodes, sizeof(Node) * static_cast<std::size_t>(other.size));
        return *this;
    }

    int root() const { return size - 1; }
    int begin(int i) const { return i - nodes[i].length + 1; }
    int right(int i) const { (void)this; return i - 1; }
    int left(int i) const { return i - 1 - nodes[i - 1].length; }
    /// The only or the left child.
    int first(int i) const { return arity(nodes[i].op) == 2 ? left(i) : i - 1; }

    // Appending builds a tree in postfix order; false when it is full (the tree is then useless).
    bool constant(double value) { return push({value, 0, Op::Constant, 1}); }
    bool variable(int feature) { return push({0.0, static_cast<std::uint16_t>(feature), Op::Variable, 1}); }
    /// Put `op` over the last one or two subtrees.
    bool apply(Op op) {
        if (size < arity(op) || size >= kMaxNodes) return false;
        int length = 1 + nodes[size - 1].length;
        if (arity(op) == 2) length += nodes[size - 1 - nodes[size - 1].length].length;
        return push({0.0, 0, op, static_cast<std::uint8_t>(length)});
    }
    /// Append the subtree of `from` that ends at `i`.
    bool append(const Tree& from, int i) {
        const int n = from.nodes[i].length;
        if (size + n > kMaxNodes) return false;
        std::memcpy(static_cast<void*>(nodes + size), from.nodes + from.begin(i), sizeof(Node) * static_cast<std::size_t>(n));
        size += n;
        return true;
    }
    bool push(const Node& node) {
        if (size >= kMaxNodes) return false;
        nodes[size++] = node;
        return true;
    }
};

/// Recompute all subtree lengths; false if the array is no tree.
bool measure(Tree& tree);
/// Replace the subtree ending at `i` by the one of `with` ending at `j`; false if it does not fit.
bool replace(const Tree& tree, int i, const Tree& with, int j, Tree& out);
/// Index of the parent of node `i`, -1 for the root.
int parent(const Tree& tree, int i);
bool has_variable(const Tree& tree, int i);
bool has_constant(const Tree& tree, int i);
int depth(const Tree& tree, int i);
/// Structural hash that does not see the order of operands of commutative operators. Constants enter by value.
std::uint64_t hash(const Tree& tree, int i);
/// The same without the values of constants.
std::uint64_t shape(const Tree& tree, int i);
bool same(const Tree& a, int i, const Tree& b, int j);
/// Value at one row, by the C library; for folding constants and for tests.
double value_at(const Tree& tree, int i, const double* row);
/// Operator names, `x<k>` and %.17g numbers separated by spaces, in postfix order.
std::string text(const Tree& tree);
bool parse(const std::string& text, Tree& out);

}  // namespace nde
