// Several targets at once: what was found for each of them alone, put together as members that share terms.
#pragma once

#include <vector>

#include "evaluate.hpp"
#include "front.hpp"

namespace nde {

/// Offer to `hall` the unions of good members of each target's own hall. Terms of one shape whose constants nearly agree are
/// taken for the same term. Assessed on `data`, which has all targets.
void join_targets(const std::vector<Hall>& alone, const Options& options, const Data& data, Evaluator& e, Hall& hall);

}  // namespace nde
