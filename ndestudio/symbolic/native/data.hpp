// Samples as the search holds them: aligned, padded columns and scaled targets.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "linear.hpp"

namespace nde {

/// A 64-byte aligned array of doubles.
class Buffer {
public:
    Buffer() = default;
    explicit Buffer(std::size_t n) : store_(new double[n + 8]()), n_(n) {
        auto at = reinterpret_cast<std::size_t>(store_.get());
        data_ = reinterpret_cast<double*>((at + 63) & ~static_cast<std::size_t>(63));
    }
    double* data() { return data_; }
    const double* data() const { return data_; }
    std::size_t size() const { return n_; }
    double& operator[](std::size_t i) { return data_[i]; }
    double operator[](std::size_t i) const { return data_[i]; }

private:
    std::unique_ptr<double[]> store_;
    double* data_ = nullptr;
    std::size_t n_ = 0;
};

/// Rows are padded to whole blocks: features repeat the last row, targets and weight are 0 there.
struct Data {
    int rows = 0;
    int padded = 0;
    int features = 0;  // that formulas are made of
    int hidden = 0;    // further columns, for the known part of a template
    int targets = 1;
    int first = 0;  // number of the first target among those of the search
    bool weighted = false;
    int points = 0;  // 0: rows are samples; else formulas are evaluated at so many points and a row is a sum over them
    double mean[kMaxTargets] = {};  // weighted mean of each target
    double spread[kMaxTargets];     // y = spread * target: the weighted standard deviation, or 1 for a template
    double deviation = 1.0;         // weighted standard deviation of the first target
    Buffer store;
    Buffer target;       // y / spread, times the square root of the weight; one target after the other
    Buffer root_weight;  // square roots of weights that sum to `rows`; 0 in the padding
    std::vector<const double*> columns;
    std::shared_ptr<const Buffer> response;  // kBlock numbers for each point (padded to blocks): its part in each row

    const double* y(int t) const { return target.data() + static_cast<std::size_t>(t) * static_cast<std::size_t>(padded); }
    double* y(int t) { return target.data() + static_cast<std::size_t>(t) * static_cast<std::size_t>(padded); }

    /// X row-major [rows][features], y [rows][targets]; w may be null. Rows of weight 0 stay but count nothing.
    /// For a template the spread is 1, and X has `hidden` more columns.
    static Data make(const double* X, const double* y, const double* w, int rows, int features, int targets = 1, bool formula_template = false, int hidden = 0);
    /// Rows that are weighted sums over points: y = response * f(points), response row-major [rows][points], at most kBlock
    /// rows. `root_weight` is then what a constant adds to each row.
    static Data respond(const double* X, const double* response, const double* y, int rows, int points, int features);
    /// Rows of X, and so of the columns.
    int samples() const { return points > 0 ? points : rows; }
    /// The given rows, with this data's scale.
    Data subset(const std::vector<int>& rows) const;
    /// One target alone over the same rows. The features are shared: it must not outlive `this`.
    Data only(int target) const;
    /// A held-out set scaled like `this`.
    Data held_out(const double* X, const double* y, int rows) const;
};

}  // namespace nde
