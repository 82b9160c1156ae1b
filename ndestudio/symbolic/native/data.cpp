#include "data.hpp"

#include <algorithm>
#include <cmath>

#include "kernel.hpp"

namespace nde {
namespace {

void allocate_targets(Data& d) {
    d.target = Buffer(static_cast<std::size_t>(d.padded) * static_cast<std::size_t>(d.targets));
    d.root_weight = Buffer(static_cast<std::size_t>(d.padded));
}

int whole_blocks(int rows) { return (rows + kBlock - 1) / kBlock * kBlock; }

void allocate(Data& d) {
    d.padded = whole_blocks(d.rows);
    const int columns = d.features + d.hidden, length = whole_blocks(d.samples());
    d.store = Buffer(static_cast<std::size_t>(length) * static_cast<std::size_t>(columns));
    allocate_targets(d);
    d.columns.clear();
    for (int k = 0; k < columns; ++k) d.columns.push_back(d.store.data() + static_cast<std::size_t>(k) * length);
}

template <class Value>
void fill(Data& d, Value value) {
    const int length = whole_blocks(d.samples());
    for (int from = 0; from < length; from += kBlock)  // in blocks, since the rows of X lie across the columns
        for (int k = 0; k < d.features + d.hidden; ++k)
            for (int r = from; r < from + kBlock; ++r)
                d.store[static_cast<std::size_t>(k) * length + r] = value(std::min(r, d.samples() - 1), k);
}

}  // namespace

Data Data::make(const double* X, const double* y, const double* w, int rows, int features, int targets, bool formula_template, int hidden) {
    Data d;
    d.rows = rows;
    d.features = features;
    d.hidden = hidden;
    d.targets = targets;
    allocate(d);
    fill(d, [&](int r, int k) { return X[static_cast<std::size_t>(r) * (features + hidden) + k]; });
    double sum = 0.0;
    for (int r = 0; r < rows; ++r) sum += w ? w[r] : 1.0;
    for (int r = 0; r < rows; ++r) {
        d.root_weight[r] = w ? std::sqrt(w[r] * rows / sum) : 1.0;
        if (d.root_weight[r] != 1.0) d.weighted = true;
    }
    for (int t = 0; t < targets; ++t) {
        const auto value = [&](int r) { return y[static_cast<std::size_t>(r) * targets + t]; };
        double mean = 0.0, square = 0.0;
        for (int r = 0; r < rows; ++r) mean += (w ? w[r] : 1.0) / sum * value(r);
        for (int r = 0; r < rows; ++r) square += (w ? w[r] : 1.0) / sum * (value(r) - mean) * (value(r) - mean);
        d.mean[t] = mean;
        d.spread[t] = square > 0.0 ? std::sqrt(square) : 1.0;
        if (t == 0) d.deviation = d.spread[0];
        if (formula_template) d.spread[t] = 1.0;
        for (int r = 0; r < rows; ++r) d.y(t)[r] = d.root_weight[r] * (value(r) / d.spread[t]);
    }
    return d;
}

Data Data::respond(const double* X, const double* response, const double* y, int rows, int points, int features) {
    Data d;
    d.rows = rows;
    d.points = points;
    d.features = features;
    d.weighted = true;
    allocate(d);
    fill(d, [&](int r, int k) { return X[static_cast<std::size_t>(r) * features + k]; });
    auto parts = std::make_shared<Buffer>(static_cast<std::size_t>(whole_blocks(points)) * kBlock);
    double ones = 0.0, along = 0.0, square = 0.0;
    for (int r = 0; r < rows; ++r) {
        for (int j = 0; j < points; ++j) {
            const double v = response[static_cast<std::size_t>(r) * points + j];
            (*parts)[static_cast<std::size_t>(j) * kBlock + r] = v;
            d.root_weight[r] += v;
        }
        ones += d.root_weight[r] * d.root_weight[r];
        along += d.root_weight[r] * y[r];
        square += y[r] * y[r];
    }
    d.response = parts;
    const double left = square - (ones > 0.0 ? along * along / ones : 0.0);
    d.spread[0] = d.deviation = left > 0.0 && ones > 0.0 ? std::sqrt(left / ones) : 1.0;
    for (int r = 0; r < rows; ++r) d.y(0)[r] = y[r] / d.spread[0];
    return d;
}

Data Data::subset(const std::vector<int>& chosen) const {
    Data d;
    if (points > 0) {  // all rows belong to all points: there is no smaller set
        d = only(0);
        d.points = points;
        d.response = response;
        return d;
    }
    d.rows = static_cast<int>(chosen.size());
    d.features = features;
    d.hidden = hidden;
    d.deviation = deviation;
    d.first = first;
    d.targets = targets;
    std::copy(mean, mean + targets, d.mean);
    std::copy(spread, spread + targets, d.spread);
    d.weighted = weighted;
    allocate(d);
    fill(d, [&](int r, int k) { return columns[k][chosen[r]]; });
    double sum = 0.0;
    for (int r : chosen) sum += root_weight[r] * root_weight[r];
    const double up = sum > 0.0 ? std::sqrt(d.rows / sum) : 1.0;
    for (int r = 0; r < d.rows; ++r) {
        d.root_weight[r] = root_weight[chosen[r]] * up;
        for (int t = 0; t < targets; ++t) d.y(t)[r] = y(t)[chosen[r]] * up;
    }
    return d;
}

Data Data::only(int t) const {
    Data d;
    d.rows = rows;
    d.padded = padded;
    d.features = features;
    d.hidden = hidden;
    d.first = first + t;
    d.weighted = weighted;
    d.mean[0] = mean[t];
    d.spread[0] = d.deviation = spread[t];
    d.columns = columns;
    allocate_targets(d);
    std::copy_n(y(t), padded, d.y(0));
    std::copy_n(root_weight.data(), padded, d.root_weight.data());
    return d;
}

Data Data::held_out(const double* X, const double* values, int n) const {
    Data d = make(X, values, nullptr, n, features, targets, false, hidden);
    d.deviation = deviation;
    for (int t = 0; t < targets; ++t) {
        d.mean[t] = mean[t];
        d.spread[t] = spread[t];
        for (int r = 0; r < n; ++r) d.y(t)[r] = values[static_cast<std::size_t>(r) * targets + t] / spread[t];
    }
    return d;
}

}  // namespace nde
