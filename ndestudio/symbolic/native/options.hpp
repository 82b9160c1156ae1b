// Settings of a search.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "operators.hpp"
#include "formula_template.hpp"

namespace nde {

enum class Loss { Squares, Absolute, Huber };

inline constexpr int kDimensions = 16;  // base quantities that one search may know

struct Options {
    bool allowed[kOps] = {};
    int cost[kOps] = {};  // complexity per node; of Constant and Variable too
    int max_size = 30;
    int max_depth = 0;  // 0: free
    Loss loss = Loss::Squares;
    double huber = 1.35;

    int islands = 16;
    int individuals = 32;
    int tournament = 12;
    double parsimony = 20.0;
    double crossover = 0.15;
    double migration = 0.05;
    double optimise = 0.12;
    double temperature = 0.4;
    int terms = 6;
    int batch = 2048;
    bool seeding = true;

    std::uint64_t seed = 0;
    int threads = 1;
    double seconds = 0.0;           // 0: none
    std::uint64_t evaluations = 0;  // 0: none
    double target = 1e-14;
    double noise = 0.0;        // standard deviation of the noise over that of the target; 0: unknown
    std::uint64_t settle = 0;  // evaluations without a shorter description of the samples that end a search; 0: none do

    int argument_limit[kOps][2];      // complexity of an argument, -1: free
    int nested_limit[kOps][kOps];     // how often the inner operator may nest within the outer one, -1: free
    bool constrained = false;

    bool dimensional = false;
    bool wildcards = true;                  // constants take whatever dimension fits; else they are pure numbers
    std::vector<double> feature_dimension;  // kDimensions per feature
    std::vector<char> feature_known;        // per feature; an unknown one takes whatever dimension fits
    std::vector<double> target_dimension;   // kDimensions per target
    std::vector<char> target_known;         // per target

    FormulaTemplate formula_template;  // of a search for parts of a formula

    Options() {
        for (int i = 0; i < kOps; ++i) {
            cost[i] = 1;
            argument_limit[i][0] = argument_limit[i][1] = -1;
            for (int j = 0; j < kOps; ++j) nested_limit[i][j] = -1;
        }
    }
    /// The loss, times `within`, that is no more than noise: 0 where a search does not end by itself, or the noise is unknown.
    double settled(int rows, double within = 1.0) const {
        return settle ? within * noise * noise * (1.0 + 2.0 * std::sqrt(2.0 / std::max(rows, 2))) : 0.0;
    }
    bool allows(Op op) const { return allowed[index(op)]; }
    /// Whether any formula is ruled out by its shape.
    bool restricted() const { return constrained || dimensional || max_depth > 0 || formula_template.active(); }
    /// Whether a fitted number may be added to the terms.
    bool intercept() const {
        if (!dimensional || wildcards) return true;
        for (double e : target_dimension)
            if (e != 0.0) return false;
        return true;
    }
};

}  // namespace nde
