// The hall of fame: the best individual of each complexity, by the Bayesian information criterion.
#pragma once

#include <vector>

#include "individual.hpp"

namespace nde {

class HallOfFame {
public:
    static constexpr std::size_t kPlain = 15;  // for each target

    explicit HallOfFame(int max_size = 0, int targets = 1)
        : slots_(static_cast<std::size_t>(max_size) + 1), plain_(kPlain * static_cast<std::size_t>(targets)) {}

    bool would_take(const Individual& m) const {
        return m.complexity >= 0 && m.complexity < static_cast<int>(slots_.size()) &&
               m.criterion < slots_[static_cast<std::size_t>(m.complexity)].criterion - 1e-9;
    }
    /// True if it is the best of its complexity so far.
    bool offer(const Individual& m) {
        if (!would_take(m)) return false;
        slots_[static_cast<std::size_t>(m.complexity)] = m;
        return true;
    }
    /// Strictly better than everything simpler, by rising complexity. Losses below `floor` count as equal.
    std::vector<Individual> front(double floor = 0.0) const {
        std::vector<Individual> out;
        double best = std::numeric_limits<double>::infinity();
        for (const Individual& m : slots_)
            if (m.loss < best) {
                out.push_back(m);
                best = m.loss;
                if (best <= floor) break;
            }
        return out;
    }
    /// Whether something plain reaches `loss`: what is long may be an approximation of something short.
    bool plain_below(double loss) const {
        for (std::size_t c = 0; c < slots_.size() && c <= plain_; ++c)
            if (slots_[c].loss <= loss) return true;
        return false;
    }
    bool plain(const Individual& m) const { return static_cast<std::size_t>(m.complexity) <= plain_; }
    double best_loss() const {
        double best = std::numeric_limits<double>::infinity();
        for (const Individual& m : slots_) best = m.loss < best ? m.loss : best;
        return best;
    }
    std::vector<Individual>& slots() { return slots_; }
    const std::vector<Individual>& slots() const { return slots_; }

private:
    std::vector<Individual> slots_;
    std::size_t plain_;
};

}  // namespace nde
