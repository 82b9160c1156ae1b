// The hall of fame: the best member of each complexity, by the Bayesian information criterion.
#pragma once

#include <vector>

#include "member.hpp"

namespace nde {

class Hall {
public:
    static constexpr std::size_t kPlain = 15;  // for each target

    explicit Hall(int max_size = 0, int targets = 1)
        : slots_(static_cast<std::size_t>(max_size) + 1), plain_(kPlain * static_cast<std::size_t>(targets)) {}

    bool would_take(const Member& m) const {
        return m.complexity >= 0 && m.complexity < static_cast<int>(slots_.size()) &&
               m.criterion < slots_[static_cast<std::size_t>(m.complexity)].criterion - 1e-9;
    }
    /// True if it is the best of its complexity so far.
    bool offer(const Member& m) {
        if (!would_take(m)) return false;
        slots_[static_cast<std::size_t>(m.complexity)] = m;
        return true;
    }
    /// Strictly better than everything simpler, by rising complexity. Losses below `floor` count as equal.
    std::vector<Member> front(double floor = 0.0) const {
        std::vector<Member> out;
        double best = std::numeric_limits<double>::infinity();
        for (const Member& m : slots_)
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
    bool plain(const Member& m) const { return static_cast<std::size_t>(m.complexity) <= plain_; }
    double best_loss() const {
        double best = std::numeric_limits<double>::infinity();
        for (const Member& m : slots_) best = m.loss < best ? m.loss : best;
        return best;
    }
    std::vector<Member>& slots() { return slots_; }
    const std::vector<Member>& slots() const { return slots_; }

private:
    std::vector<Member> slots_;
    std::size_t plain_;
};

}  // namespace nde
