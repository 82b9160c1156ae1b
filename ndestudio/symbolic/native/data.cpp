#include "data.hpp"

#include <algorithm>
#include <cmath>

#include "kernel.hpp"

namespace nde {
namespace {

void allocate(Data& d) {
    d.padded = (d.rows + kBlock - 1) / kBlock * kBlock;
    d.store = Buffer(static_cast<std::size_t>(d.padded) * static_cast<std::size_t>(d.features));
    d.target = Buffer(static_cast<std::size_t>(d.padded));
    d.root_weight = Buffer(static_cast<std::size_t>(d.padded));
    d.columns.clear();
    for (int k = 0; k < d.features; ++k) d.columns.push_back(d.store.data() + static_cast<std::size_t>(k) * d.padded);
}

template <class Value>
void fill(Data& d, Value value) {
    for (int k = 0; k < d.features; ++k)
        for (int r = 0; r < d.padded; ++r)
            d.store[static_cast<std::size_t>(k) * d.padded + r] = value(std::min(r, d.rows - 1), k);
}

}  // namespace

Data Data::make(const double* X, const double* y, const double* w, int rows, int features) {
    Data d;
    d.rows = rows;
    d.features = features;
    allocate(d);
    fill(d, [&](int r, int k) { return X[static_cast<std::size_t>(r) * features + k]; });
    double sum = 0.0, mean = 0.0, square = 0.0;
    for (int r = 0; r < rows; ++r) sum += w ? w[r] : 1.0;
    for (int r = 0; r < rows; ++r) mean += (w ? w[r] : 1.0) / sum * y[r];
    for (int r = 0; r < rows; ++r) square += (w ? w[r] : 1.0) / sum * (y[r] - mean) * (y[r] - mean);
    d.mean = mean;
    d.spread = square > 0.0 ? std::sqrt(square) : 1.0;
    for (int r = 0; r < rows; ++r) {
        d.root_weight[r] = w ? std::sqrt(w[r] * rows / sum) : 1.0;
        if (d.root_weight[r] != 1.0) d.weighted = true;
        d.target[r] = d.root_weight[r] * (y[r] / d.spread);
    }
    return d;
}

Data Data::subset(const std::vector<int>& chosen) const {
    Data d;
    d.rows = static_cast<int>(chosen.size());
    d.features = features;
    d.mean = mean;
    d.spread = spread;
    d.weighted = weighted;
    allocate(d);
    fill(d, [&](int r, int k) { return columns[k][chosen[r]]; });
    double sum = 0.0;
    for (int r : chosen) sum += root_weight[r] * root_weight[r];
    const double up = sum > 0.0 ? std::sqrt(d.rows / sum) : 1.0;
    for (int r = 0; r < d.rows; ++r) {
        d.root_weight[r] = root_weight[chosen[r]] * up;
        d.target[r] = target[chosen[r]] * up;
    }
    return d;
}

Data Data::held_out(const double* X, const double* y, int n) const {
    Data d = make(X, y, nullptr, n, features);
    d.mean = mean;
    d.spread = spread;
    for (int r = 0; r < n; ++r) d.target[r] = y[r] / spread;
    return d;
}

}  // namespace nde
