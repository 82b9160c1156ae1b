#include "library.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "simplify.hpp"

namespace nde {
namespace {

constexpr int kMostColumns = 60;

/// Powers of the variables up to a total degree, the constant left out.
std::vector<std::vector<int>> monomials(int features, int degree) {
    std::vector<std::vector<int>> out;
    std::vector<int> powers(static_cast<std::size_t>(features), 0);
    const std::function<void(int, int)> next = [&](int k, int left) {
        if (k == features) {
            if (left < degree) out.push_back(powers);
            return;
        }
        for (int p = 0; p <= left; ++p) {
            powers[static_cast<std::size_t>(k)] = p;
            next(k + 1, left - p);
        }
        powers[static_cast<std::size_t>(k)] = 0;
    };
    next(0, degree);
    std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
        int p = 0, q = 0;
        for (int v : a) p += v;
        for (int v : b) q += v;
        return p < q;
    });
    return out;
}

bool power_tree(int feature, int p, bool powers, Tree& t) {
    if (powers && p > 4) return t.variable(feature) && t.constant(p) && t.apply(Op::Power);
    if (p == 1) return t.variable(feature);
    if (p == 2 || p == 3) return t.variable(feature) && t.apply(p == 2 ? Op::Square : Op::Cube);
    if (p % 2 == 0) return power_tree(feature, p / 2, powers, t) && t.apply(Op::Square);
    return power_tree(feature, p - 1, powers, t) && t.variable(feature) && t.apply(Op::Multiply);
}

bool monomial_tree(const std::vector<int>& powers, bool allowed, Tree& t) {
    bool begun = false;
    for (std::size_t k = 0; k < powers.size(); ++k) {
        if (powers[k] == 0) continue;
        if (!power_tree(static_cast<int>(k), powers[k], allowed, t)) return false;
        if (begun && !t.apply(Op::Multiply)) return false;
        begun = true;
    }
    return begun;
}

/// Columns with the inverse of their Gram matrix, from which columns are dropped one at a time.
class Elimination {
public:
    /// columns: [count][rows], centred here; target likewise.
    /// `one`: what a constant adds to each row.
    Elimination(std::vector<std::vector<double>> columns, std::vector<double> y, std::vector<double> one) : columns_(std::move(columns)), one_(std::move(one)) {
        centre(y);
        yy_ = dot(y, y);
        for (auto& c : columns_) {
            centre(c);
            const double norm = std::sqrt(dot(c, c));
            for (double& v : c) v = norm > 0.0 && std::isfinite(norm) ? v / norm : 0.0;
        }
        const std::size_t n = columns_.size();
        alive_.assign(n, true);
        std::vector<double> gram(n * n), b(n);
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = 0; j <= i; ++j) gram[i * n + j] = gram[j * n + i] = dot(columns_[i], columns_[j]);
            gram[i * n + i] += 1e-13;
            b[i] = dot(columns_[i], y);
            if (gram[i * n + i] < 0.5) gram[i * n + i] = 1e12;  // a column without variation
        }
        invert(gram, n);
        inverse_ = gram;
        x_.assign(n, 0.0);
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < n; ++j) x_[i] += inverse_[i * n + j] * b[j];
    }
    /// Drop the column whose loss costs least; its number, -1 when none is left.
    int drop() {
        const std::size_t n = columns_.size();
        int least = -1;
        double cost = 0.0;
        for (std::size_t i = 0; i < n; ++i) {
            if (!alive_[i]) continue;
            const double c = x_[i] * x_[i] / inverse_[i * n + i];
            if (least < 0 || !(c >= cost)) { least = static_cast<int>(i); cost = c; }
        }
        if (least < 0) return -1;
        const std::size_t k = static_cast<std::size_t>(least);
        const double pivot = inverse_[k * n + k], value = x_[k];
        std::vector<double> column(n);
        for (std::size_t i = 0; i < n; ++i) column[i] = inverse_[i * n + k];
        for (std::size_t i = 0; i < n; ++i) {
            if (!alive_[i]) continue;
            x_[i] -= column[i] * value / pivot;
            for (std::size_t j = 0; j < n; ++j) inverse_[i * n + j] -= column[i] * column[j] / pivot;
        }
        alive_[k] = false;
        x_[k] = 0.0;
        return least;
    }
    const std::vector<bool>& alive() const { return alive_; }
    int left() const { return static_cast<int>(std::count(alive_.begin(), alive_.end(), true)); }

private:
    static double dot(const std::vector<double>& a, const std::vector<double>& b) {
        double s = 0.0;
        for (std::size_t i = 0; i < a.size(); ++i) s += a[i] * b[i];
        return s;
    }
    void centre(std::vector<double>& v) const {
        const double mean = dot(v, one_) / dot(one_, one_);
        for (std::size_t i = 0; i < v.size(); ++i) v[i] -= mean * one_[i];
    }
    /// Inverse of a symmetric positive matrix by Gauss-Jordan elimination.
    static void invert(std::vector<double>& a, std::size_t n) {
        for (std::size_t k = 0; k < n; ++k) {
            double p = a[k * n + k];
            if (!(std::fabs(p) > 1e-14)) p = 1e-14;
            const double r = 1.0 / p;
            a[k * n + k] = 1.0;
            for (std::size_t j = 0; j < n; ++j) a[k * n + j] *= r;
            for (std::size_t i = 0; i < n; ++i) {
                if (i == k) continue;
                const double f = a[i * n + k];
                if (f == 0.0) continue;
                a[i * n + k] = 0.0;
                for (std::size_t j = 0; j < n; ++j) a[i * n + j] -= f * a[k * n + j];
            }
        }
    }
    std::vector<std::vector<double>> columns_;
    std::vector<double> one_;
    std::vector<bool> alive_;
    std::vector<double> inverse_, x_;
    double yy_ = 0.0;
};

class Library {
public:
    Library(const Options& o, const Data& sketch, const Data& data, const Mutator& m, Evaluator& e, HallOfFame& hall_of_fame)
        : options_(o), sketch_(sketch), data_(data), m_(m), e_(e), hall_of_fame_(hall_of_fame) {}

    void sums(const std::vector<Tree>& trees) {
        std::vector<std::vector<double>> columns;
        std::vector<Tree> kept;
        for (const Tree& t : trees) {
            std::vector<double> c;
            if (values(t, c)) {
                columns.push_back(std::move(c));
                kept.push_back(t);
            }
        }
        if (columns.empty()) return;
        Elimination elimination(columns, target(), ones());
        while (!e_.stopped()) {
            if (elimination.left() <= options_.terms) offer_sum(kept, elimination.alive());
            if (elimination.left() <= 1) break;
            elimination.drop();
        }
    }

    /// y D = N with D = 1 + ..., linear in the coefficients of both.
    void quotients(const std::vector<Tree>& trees) {
        std::vector<std::vector<double>> columns;
        std::vector<Tree> above, below;
        const std::vector<double> y = target();
        for (const Tree& t : trees) {
            std::vector<double> c;
            if (!values(t, c)) continue;
            columns.push_back(c);
            above.push_back(t);
        }
        const std::size_t first = columns.size();
        for (const Tree& t : above) {
            std::vector<double> c;
            values(t, c);
            for (std::size_t r = 0; r < c.size(); ++r) c[r] *= y[r];
            columns.push_back(c);
            below.push_back(t);
        }
        if (columns.empty()) return;
        Elimination elimination(columns, y, ones());
        while (!e_.stopped() && elimination.left() > 1) {
            if (elimination.left() <= 8) offer_quotient(above, below, first, elimination.alive());
            elimination.drop();
        }
    }

private:
    bool values(const Tree& t, std::vector<double>& out) {
        Buffer v(static_cast<std::size_t>(sketch_.padded));
        e_.values(t, t.root(), sketch_, v.data());
        out.assign(v.data(), v.data() + sketch_.rows);
        for (double x : out)
            if (!(std::fabs(x) < 1e60)) return false;
        return true;
    }
    std::vector<double> ones() const {
        std::vector<double> one(static_cast<std::size_t>(sketch_.rows), 1.0);
        if (sketch_.points > 0) std::copy_n(sketch_.root_weight.data(), sketch_.rows, one.begin());
        return one;
    }
    std::vector<double> target() const {
        std::vector<double> y(static_cast<std::size_t>(sketch_.rows));
        if (sketch_.points > 0) {
            std::copy_n(sketch_.y(0), sketch_.rows, y.begin());
            return y;
        }
        for (int r = 0; r < sketch_.rows; ++r) y[static_cast<std::size_t>(r)] = sketch_.root_weight[r] > 0.0 ? sketch_.y(0)[r] / sketch_.root_weight[r] : 0.0;
        return y;
    }
    void offer(const Tree& raw) {
        Individual m;
        if (!normalise(raw, options_.terms, m.tree) || !permitted(m.tree, options_) || !e_.assess(m, data_)) return;
        if (m.loss < 0.1 && e_.optimise_constants(m, data_, 10)) e_.assess(m, data_);
        nde::offer(hall_of_fame_, m, data_, e_);
    }
    static bool chain(const std::vector<Tree>& trees, const std::vector<bool>& alive, std::size_t from, Tree& out, int& n) {
        n = 0;
        for (std::size_t k = 0; k < trees.size(); ++k) {
            if (!alive[from + k]) continue;
            if (!out.append(trees[k], trees[k].root())) return false;
            if (n++ && !out.apply(Op::Add)) return false;
        }
        return true;
    }
    void offer_sum(const std::vector<Tree>& trees, const std::vector<bool>& alive) {
        Tree t;
        int n;
        if (chain(trees, alive, 0, t, n) && n > 0) offer(t);
    }
    void offer_quotient(const std::vector<Tree>& above, const std::vector<Tree>& below, std::size_t first, const std::vector<bool>& alive) {
        // Coefficients of the numerator and of the denominator are left to the optimisation; the sum of quotients over
        // one denominator needs its constants inside, so the numerator's terms become terms of their own over copies of
        // it.
        Tree numerator, t;
        int n = 0, d = 0;
        Tree denominator;
        for (std::size_t k = 0; k < below.size(); ++k) {
            if (!alive[first + k]) continue;
            if (!denominator.append(below[k], below[k].root()) || !denominator.constant(1.0) || !denominator.apply(Op::Multiply)) return;
            if (d++ && !denominator.apply(Op::Add)) return;
        }
        for (std::size_t k = 0; k < above.size(); ++k) {
            if (!alive[k]) continue;
            if (!numerator.append(above[k], above[k].root())) return;
            if (d > 0 && n > 0 && (!numerator.constant(1.0) || !numerator.apply(Op::Multiply))) return;
            if (n++ && !numerator.apply(Op::Add)) return;
        }
        if (d == 0 || d > 4) return;
        for (const bool constant : {false, true}) {
            t.size = 0;
            if (n == 0 && !constant) continue;
            if (n > 0 && !t.append(numerator, numerator.root())) return;
            if (constant && (!t.constant(1.0) || (n > 0 && !t.apply(Op::Add)))) return;
            if (!t.append(denominator, denominator.root()) || !t.constant(1.0) || !t.apply(Op::Add) || !t.apply(Op::Divide)) return;
            offer(t);
        }
    }

    const Options& options_;
    const Data& sketch_;
    const Data& data_;
    const Mutator& m_;
    Evaluator& e_;
    HallOfFame& hall_of_fame_;
};

}  // namespace

void eliminate(const Options& options, const Data& sketch, const Data& data, const Mutator& m, Evaluator& e, HallOfFame& hall_of_fame) {
    const int features = sketch.features;
    if (features > 12 || !m.can(Op::Multiply) || !m.can(Op::Add)) return;
    Library library(options, sketch, data, m, e, hall_of_fame);
    const int room = std::min(kMostColumns, sketch.rows * 2 / 3);
    const auto polynomial = [&](int most, int columns) {
        std::vector<Tree> trees;
        for (int degree = 1; degree <= most; ++degree) {
            const auto all = monomials(features, degree);
            if (degree > 1 && static_cast<int>(all.size()) > columns) break;
            trees.clear();
            for (const auto& p : all) {
                Tree t;
                if (monomial_tree(p, options.allows(Op::Power), t)) trees.push_back(t);
            }
        }
        return trees;
    };
    library.sums(polynomial(9, room));
    if (hall_of_fame.plain_below(1e-2 * options.target)) return;
    if (m.can(Op::Divide) && sketch.points == 0) {
        library.quotients(polynomial(4, std::min(10, room / 2)));
        if (hall_of_fame.plain_below(1e-2 * options.target)) return;
    }
    std::vector<Tree> mixed = polynomial(3, 20);
    for (int k = 0; k < features; ++k)
        for (Op op : m.unary()) {
            Tree t;
            if (op == Op::Square || op == Op::Cube) continue;
            if (t.variable(k) && t.apply(op) && static_cast<int>(mixed.size()) < room) mixed.push_back(t);
        }
    library.sums(mixed);
}

}  // namespace nde
