// Settings of a search.
#pragma once

#include <cstdint>
#include <vector>

#include "operators.hpp"

namespace nde {

enum class Loss { Squares, Absolute, Huber };

inline constexpr int kDimensions = 8;  // seven SI base quantities and one for counts

struct Options {
    bool allowed[kOps] = {};
    int cost[kOps] = {};  // complexity per node; of Constant and Variable too
    int max_size = 30;
    int max_depth = 0;  // 0: free
    Loss loss = Loss::Squares;
    double huber = 1.35;

    int islands = 16;
    int members = 32;
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

    int argument_limit[kOps][2];      // complexity of an argument, -1: free
    int nested_limit[kOps][kOps];     // how often the inner operator may nest within the outer one, -1: free
    bool constrained = false;

    bool dimensional = false;
    std::vector<double> feature_dimension;  // kDimensions per feature
    double target_dimension[kDimensions] = {};

    Options() {
        for (int i = 0; i < kOps; ++i) {
            cost[i] = 1;
            argument_limit[i][0] = argument_limit[i][1] = -1;
            for (int j = 0; j < kOps; ++j) nested_limit[i][j] = -1;
        }
    }
    bool allows(Op op) const { return allowed[index(op)]; }
};

}  // namespace nde
