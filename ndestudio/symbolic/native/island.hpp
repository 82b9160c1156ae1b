// One island: a population under regularised evolution (Real et al. 2019), its generator and its memory.
#pragma once

#include <vector>

#include "dictionary.hpp"
#include "evaluate.hpp"
#include "front.hpp"
#include "mutate.hpp"

namespace nde {

/// What a search shares between its islands; constant while they run.
struct Context {
    const Options& options;
    const Data& data;    // the rows of the search; of all targets or of one
    const Data& sketch;  // the dictionary's, of the same targets
    const Mutator& mutator;
    const Dictionary& dictionary;
};

class Island {
public:
    Island(const Options& options, int number);

    void fill(const Context& c, Evaluator& e);
    /// Breed `children`; `temperature` in [0, 1].
    void run(const Context& c, Evaluator& e, int children, double temperature);
    /// Put a copy of `m` in the place of the oldest individual.
    void immigrate(const Individual& m);
    void write(class Writer& w) const;
    void read(class Reader& r, const Options& options, int targets);

    std::vector<Individual> individuals;
    HallOfFame hall_of_fame;
    Random random;
    std::uint64_t evaluations = 0;
    std::uint64_t repeats = 0;
    std::uint64_t clock = 0;
    double reward[kMoves + 1];
    std::vector<double> frequency;

private:
    struct Known {
        std::uint64_t hash = 0;
    };
    int tournament(const Context& c);
    double score(const Context& c, const Individual& m) const;
    Move choose_move(const Context& c, const Tree& tree);
    bool make_child(const Context& c, Evaluator& e, const Individual& parent, Move move, double temperature, Tree& child);
    bool admit(const Context& c, Evaluator& e, const Tree& raw, Individual& child, const Individual* parent);
    int oldest() const;

    std::vector<Known> cache_;
};

}  // namespace nde
