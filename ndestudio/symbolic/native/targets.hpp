// Several targets at once: what was found for each of them alone, put together as individuals that share terms.
#pragma once

#include <vector>

#include "evaluate.hpp"
#include "front.hpp"

namespace nde {

/// Offer to `hall_of_fame` the unions of good individuals of each target's own hall of fame. Terms of one shape whose
/// constants nearly agree are taken for the same term. Assessed on `data`, which has all targets.
void join_targets(const std::vector<HallOfFame>& alone, const Options& options, const Data& data, Evaluator& e, HallOfFame& hall_of_fame);

}  // namespace nde
