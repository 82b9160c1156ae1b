// Backward elimination over whole libraries of terms: exact for laws that are sparse in them.
#pragma once

#include "evaluate.hpp"
#include "front.hpp"
#include "mutate.hpp"

namespace nde {

/// Least squares over libraries of monomials (as high as there is room), over low monomials with elementary functions, and
/// over quotients of polynomials (y D = N, linear in both; Mangan et al. 2016), each followed by dropping one term after
/// another (sequentially thresholded least squares: Brunton, Proctor, Kutz 2016, here by the rise of the error). The sums
/// that remain small enough are offered to `hall_of_fame`.
void eliminate(const Options& options, const Data& sketch, const Data& data, const Mutator& mutator, Evaluator& e, HallOfFame& hall_of_fame);

}  // namespace nde
