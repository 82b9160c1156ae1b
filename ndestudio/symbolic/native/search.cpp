#include "search.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>

#include "library.hpp"
#include "state.hpp"
#include "targets.hpp"
#include "simplify.hpp"

namespace nde {
namespace {

/// An NMSE that only rounding is left of.
constexpr double kExact = 1e-23;
/// Evaluations spent on finding something shorter than a long exact formula, and something exact beside a good one.
constexpr std::uint64_t kSettle = 40000, kGrace = 300000;
/// Nats by which a description has to become shorter to count.
constexpr double kShorter = 2.0;
/// Children of an island between two looks at the limits; most children for each evaluation of the limit.
constexpr int kBrood = 32;
constexpr std::uint64_t kMostRepeats = 16;

/// Options for all targets together: room for what each may have.
Options together(Options o, int targets) {
    o.max_size *= targets;
    o.terms = std::min(kMaxTerms, o.terms * targets);
    return o;
}

double finite_or(double v, double other) { return std::isfinite(v) ? v : other; }

/// Calls work(i, thread) for i in 0..count-1 on up to `threads` threads.
template <class Work>
void share(int count, int threads, Work work) {
    std::atomic<int> next{0};
    const auto loop = [&](int t) {
        for (int i; (i = next.fetch_add(1)) < count;) work(i, t);
    };
    std::vector<std::thread> others;
    for (int t = 1; t < std::min(threads, count); ++t) others.emplace_back(loop, t);
    loop(0);
    for (auto& t : others) t.join();
}

}  // namespace

Search::Search(Options options, Data data, Data held_out, std::vector<Tree> guesses, const Kernel* kernel)
    : options_(together(options, data.targets)),
      alone_options_(std::move(options)),
      full_(std::move(data)),
      held_out_(std::move(held_out)),
      guesses_(std::move(guesses)),
      kernel_(kernel),
      hall_of_fame_(options_.max_size, full_.targets),
      random_(options_.seed, 0xC00D),
      formula_template_begin_(options_.formula_template.parameter, options_.formula_template.parameter + kMaxParameters) {}

Search::~Search() {
    stop();
    if (thread_.joinable()) thread_.join();
}

double Search::elapsed() const {
    return earlier_ + std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
}

void Search::start() {
    began_ = std::chrono::steady_clock::now();
    thread_ = std::thread([this] {
        try {
            run();
        } catch (const std::exception& error) {
            std::lock_guard<std::mutex> lock(mutex_);
            snapshot_.error = error.what();
            snapshot_.outcome = "failed";
            snapshot_.done = true;
        }
        changed_.notify_all();
    });
}

Snapshot Search::poll(double seconds) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return snapshot_.done; });
    return snapshot_;
}

std::uint64_t Search::fingerprint() const {
    std::uint64_t h = mix(static_cast<std::uint64_t>(full_.rows) * 31 + static_cast<std::uint64_t>(full_.features));
    const auto add = [&](double v) {
        std::uint64_t bits;
        std::memcpy(&bits, &v, sizeof bits);
        h = mix(h * 3 + bits);
    };
    for (int r = 0; r < full_.rows; r += std::max(1, full_.rows / 1000)) {
        for (int t = 0; t < full_.targets; ++t) add(full_.y(t)[r]);
        for (const double* column : full_.columns) add(column[r % full_.samples()]);
    }
    for (double v : {static_cast<double>(options_.islands), static_cast<double>(options_.individuals), static_cast<double>(options_.max_size),
                     static_cast<double>(options_.terms), static_cast<double>(options_.batch), static_cast<double>(options_.loss), options_.huber})
        add(v);
    for (int i = 0; i < kOps; ++i) add(options_.allowed[i] ? options_.cost[i] : -1);
    if (options_.formula_template.active()) {
        const FormulaTemplate& s = options_.formula_template;
        for (int v : {s.functions, s.parameters, s.columns}) add(v);
        for (int v : s.first) add(v);
        add(static_cast<double>(hash(s.tree, s.tree.root()) >> 12));
        for (double v : formula_template_begin_) add(v);
    }
    if (options_.restricted()) {
        add(options_.max_depth);
        for (int i = 0; i < kOps; ++i) {
            for (int limit : options_.argument_limit[i]) add(limit);
            for (int limit : options_.nested_limit[i]) add(limit);
        }
        add(options_.dimensional ? 1.0 + options_.wildcards : 0.0);
        for (double v : options_.feature_dimension) add(v);
        for (char known : options_.feature_known) add(known);
        for (double v : options_.target_dimension) add(v);
        for (char known : options_.target_known) add(known);
    }
    return h;
}

namespace {
constexpr std::uint64_t kMagic = 0x4E4445532D455635ull;  // names the layout; another number for another layout
}

std::string Search::checkpoint() {
    std::lock_guard<std::mutex> lock(state_mutex_);
    Writer w;
    w.put(kMagic);
    w.put(fingerprint());
    w.put(epoch_);
    w.put(elapsed());
    w.put(extra_evaluations_);
    w.put(grace_);
    w.put(shortest_);
    w.put(described_);
    w.put(improved_evaluations_);
    w.put(improved_seconds_);
    w.put(static_cast<std::uint8_t>(alone_news_));
    w.put(random_.key);
    w.put(random_.counter);
    write_hall_of_fame(w, hall_of_fame_);
    w.put(static_cast<std::uint64_t>(alone_.size()));
    for (const HallOfFame& hall_of_fame : alone_) write_hall_of_fame(w, hall_of_fame);
    w.put(static_cast<std::uint64_t>(islands_.size()));
    for (const Island& island : islands_) island.write(w);
    return w.bytes();
}

void Search::resume(const std::string& bytes) {
    resumed_ = bytes;
    restore();
}

void Search::restore() {
    Reader r(resumed_, full_.features);
    if (r.get<std::uint64_t>() != kMagic) throw std::invalid_argument("this is not a checkpoint of this version of the engine");
    if (r.get<std::uint64_t>() != fingerprint())
        throw std::invalid_argument("the checkpoint belongs to a search over other samples or with other settings");
    epoch_ = r.get<int>();
    earlier_ = r.get<double>();
    extra_evaluations_ = r.get<std::uint64_t>();
    grace_ = r.get<std::uint64_t>();
    shortest_ = r.get<double>();
    described_ = r.get<std::uint64_t>();
    improved_evaluations_ = r.get<std::uint64_t>();
    improved_seconds_ = r.get<double>();
    alone_news_ = r.get<std::uint8_t>() != 0;
    random_.key = r.get<std::uint64_t>();
    random_.counter = r.get<std::uint64_t>();
    read_hall_of_fame(r, hall_of_fame_, full_.targets);
    alone_.assign(r.count(static_cast<std::size_t>(full_.targets)), HallOfFame(alone_options_.max_size));
    if (full_.targets > 1 && !alone_.empty() && alone_.size() != static_cast<std::size_t>(full_.targets)) throw std::invalid_argument("the checkpoint is damaged");
    for (HallOfFame& hall_of_fame : alone_) read_hall_of_fame(r, hall_of_fame, 1);
    islands_.clear();
    const std::size_t n = r.count(static_cast<std::size_t>(options_.islands));
    for (std::size_t i = 0; i < n; ++i) {
        const bool all = focus(static_cast<int>(i)) < 0;
        const Options& own = all ? options_ : alone_options_;
        islands_.emplace_back(own, static_cast<int>(i));
        islands_.back().read(r, own, all ? full_.targets : 1);
    }
    if (!r.at_end() || epoch_ < 0 || !(earlier_ >= 0.0)) throw std::invalid_argument("the checkpoint is damaged");
    const auto evaluations = improved_evaluations_;
    const auto seconds = improved_seconds_;
    note_progress();
    improved_evaluations_ = evaluations;
    improved_seconds_ = seconds;
}

void Search::prepare(Evaluator& e) {
    sampled_ = full_.rows > options_.batch;
    if (sampled_) {
        std::vector<int> rows;
        Random random(options_.seed, 0xBA7C);
        for (int k = 0; k < options_.batch; ++k) {
            const long long a = static_cast<long long>(full_.rows) * k / options_.batch;
            const long long b = static_cast<long long>(full_.rows) * (k + 1) / options_.batch;
            rows.push_back(static_cast<int>(a) + random.below(static_cast<int>(b - a)));
        }
        batch_ = full_.subset(rows);
    }
    mutator_ = std::make_unique<Mutator>(options_, rows());
    if (options_.formula_template.active()) e.formula_template()->find_start(rows(), options_.formula_template);
    for (const Tree& guess : guesses_) {
        Individual m;
        if (!normalise(guess, options_.terms, m.tree) || !e.assess(m, rows())) continue;
        if (e.optimise_constants(m, rows(), 20)) e.assess(m, rows());
        offer(hall_of_fame_, m, rows(), e);
    }
    if (options_.seeding) dictionary_ = Dictionary(options_, *mutator_, rows(), e, 8192);
    if (full_.targets > 1)
        for (int t = 0; t < full_.targets; ++t) {
            alone_data_.push_back(rows().only(t));
            if (options_.seeding) alone_sketch_.push_back(dictionary_.sketch().only(t));
        }
    if (options_.seeding && resumed_.empty()) seed(e);
    for (int i = static_cast<int>(islands_.size()); i < options_.islands; ++i)
        islands_.emplace_back(focus(i) < 0 ? options_ : alone_options_, i);
}

/// Sparse regressions on each target by itself; of several targets, what was found is then put together.
void Search::seed(Evaluator& e) {
    const auto regress = [&](const Options& o, const Data& sketch, const Data& data, HallOfFame& hall_of_fame) {
        if (!e.formula_template()) eliminate(o, sketch, data, *mutator_, e, hall_of_fame);
        publish(false);
        const bool done = hall_of_fame.plain_below(1e-2 * o.target) || hall_of_fame.best_loss() <= o.settled(data.rows);
        if (!done) sparse_regression(o, sketch, data, dictionary_, e, hall_of_fame);
    };
    if (full_.targets == 1) return regress(options_, dictionary_.sketch(), rows(), hall_of_fame_);
    alone_.assign(static_cast<std::size_t>(full_.targets), HallOfFame(alone_options_.max_size));
    for (std::size_t t = 0; t < alone_.size() && !e.stopped(); ++t) regress(alone_options_, alone_sketch_[t], alone_data_[t], alone_[t]);
    join_targets(alone_, options_, rows(), e, hall_of_fame_);
}

void Search::breed(int children, double temperature) {
    share(static_cast<int>(islands_.size()), options_.threads, [&](int i, int t) {
        const int target = focus(i);
        const std::size_t k = static_cast<std::size_t>(std::max(target, 0));
        const Data& sketch = target < 0 || alone_sketch_.empty() ? dictionary_.sketch() : alone_sketch_[k];
        const Context context{target < 0 ? options_ : alone_options_, target < 0 ? rows() : alone_data_[k], sketch, *mutator_, dictionary_};
        const HallOfFame& known = target < 0 || alone_.empty() ? hall_of_fame_ : alone_[k];
        Island& island = islands_[static_cast<std::size_t>(i)];
        Evaluator& e = *evaluators_[static_cast<std::size_t>(t)];
        if (island.individuals.empty()) {
            island.fill(context, e);
            if (target < 0 || !alone_.empty())
                for (const Individual& m : known.front())
                    if (island.random.chance(0.3)) island.immigrate(m);
        }
        island.run(context, e, children, temperature);
    });
}

bool Search::collect() {
    bool news = false;
    if (full_.targets > 1) alone_.resize(static_cast<std::size_t>(full_.targets), HallOfFame(alone_options_.max_size));
    for (std::size_t i = 0; i < islands_.size(); ++i) {
        const int target = focus(static_cast<int>(i));
        HallOfFame& to = target < 0 ? hall_of_fame_ : alone_[static_cast<std::size_t>(target)];
        for (const Individual& m : islands_[i].hall_of_fame.slots())
            if (std::isfinite(m.loss) && to.offer(m)) (target < 0 ? news : alone_news_) = true;
    }
    note_progress();
    return news;
}

/// Stagnation is counted from the last time that the error at some complexity fell by a hundredth.
void Search::note_progress() {
    best_.resize(hall_of_fame_.slots().size(), INFINITY);
    double least = INFINITY;
    bool better = false;
    for (std::size_t c = 0; c < best_.size(); ++c) {
        least = std::min(least, hall_of_fame_.slots()[c].loss);
        better |= least < 0.99 * best_[c] && best_[c] > kExact;
        best_[c] = std::min(best_[c], least);
    }
    if (!better) return;
    improved_evaluations_ = counted();
    improved_seconds_ = elapsed();
}

std::uint64_t Search::counted() const {
    std::uint64_t sum = extra_evaluations_;
    for (const Island& island : islands_) sum += island.evaluations;
    return sum;
}

void Search::migrate() {
    if (alone_news_) {
        Evaluator& e = *evaluators_[0];
        const std::uint64_t before = e.evaluations;
        join_targets(alone_, options_, rows(), e, hall_of_fame_);
        extra_evaluations_ += e.evaluations - before;
        alone_news_ = false;
    }
    std::vector<std::vector<Individual>> fronts{hall_of_fame_.front()};
    for (const HallOfFame& hall_of_fame : alone_) fronts.push_back(hall_of_fame.front());
    for (std::size_t i = 0; i < islands_.size(); ++i) {
        Island& island = islands_[i];
        const int target = focus(static_cast<int>(i));
        const std::vector<Individual>& front = fronts[static_cast<std::size_t>(target + 1)];
        if (front.empty()) continue;
        for (std::size_t k = 0; k < island.individuals.size(); ++k)
            if (random_.chance(options_.migration)) island.immigrate(front[static_cast<std::size_t>(random_.below(static_cast<int>(front.size())))]);
        if (random_.chance(0.5)) {
            const int from = random_.below(static_cast<int>(islands_.size()));
            if (focus(from) != target) continue;
            const Island& other = islands_[static_cast<std::size_t>(from)];
            island.immigrate(other.individuals[static_cast<std::size_t>(random_.below(static_cast<int>(other.individuals.size())))]);
        }
    }
}

/// Shortest description of the samples by a formula found so far, in nats: Bayesian information criterion and size, errors not
/// counted below what the noise leaves.
double Search::description() const {
    const double rows = full_.rows, floor = std::max(1e-13, options_.noise * options_.noise);
    int symbols = full_.features;
    for (bool allowed : options_.allowed) symbols += allowed;
    double least = std::numeric_limits<double>::infinity();
    for (const Individual& m : hall_of_fame_.slots()) {
        if (!std::isfinite(m.loss)) continue;
        double v = m.complexity * std::log(static_cast<double>(std::max(2, symbols))) + 0.5 * fitted_numbers(m, full_.spread) * std::log(rows);
        for (int t = 0; t < m.targets; ++t) v += 0.5 * rows * std::log(std::max(m.fit[t].loss, floor));
        least = std::min(least, v);
    }
    return least;
}

const char* Search::status() {
    if (stop_.load()) return "stopped";
    const std::uint64_t sum = counted();
    for (Individual& m : hall_of_fame_.slots()) {
        if (!(m.loss <= options_.target)) continue;
        if (options_.target > 1e-10) return "solved";
        // So small an error may still be an approximation by something longer: look on for a while, unless it is plain and
        // its error is but rounding.
        Individual better = m;
        Evaluator& e = *evaluators_[0];
        if (m.loss > kExact && e.optimise_constants(better, rows(), 30) && e.assess(better, rows()) && better.loss < m.loss &&
            presentable(better, rows(), options_))
            m = better;
        const bool exact = m.loss <= kExact;
        if (exact && hall_of_fame_.plain(m)) return "solved";
        const std::uint64_t until = sum + (exact ? kSettle : kGrace);
        if (grace_ == 0 || until < grace_) grace_ = until;
    }
    if (grace_ && sum >= grace_) return "solved";
    if (options_.settle) {
        const double now = description();
        if (now < shortest_ - kShorter) {
            shortest_ = now;
            described_ = sum;
        }
        if (std::isfinite(shortest_) && sum >= described_ + options_.settle) return "settled";
    }
    // Where few formulas are possible nearly every child is a repeat, and distinct evaluations alone would never be used up.
    const std::uint64_t bred = static_cast<std::uint64_t>(epoch_) * kBrood * islands_.size();
    if (options_.evaluations && (sum >= options_.evaluations || bred >= kMostRepeats * options_.evaluations)) return "limit";
    if (options_.seconds > 0.0 && elapsed() >= options_.seconds) return "limit";
    return "";
}

bool Search::entry_of(const Individual& m, Entry& out) const {
    const FormulaTemplate& s = options_.formula_template;
    Tree tree;
    for (int j = 0; j < s.functions; ++j) {
        if (!function_formula(m, j, options_, tree)) return false;
        out.written.functions.push_back(tree);
    }
    out.written.parameters.assign(m.parameter, m.parameter + s.parameters);
    for (int t = 0; t < full_.targets; ++t) {
        if (!s.active()) {
            if (!formula(m, t, full_, options_, tree)) return false;
            out.formulas.push_back(tree);
        }
        out.losses.push_back(m.fit[t].loss);
    }
    return true;
}

std::vector<Entry> Search::shown() {
    std::vector<Entry> out;
    for (const Individual& m : hall_of_fame_.front()) {
        Entry entry;
        if (!entry_of(m, entry)) continue;
        entry.loss = m.loss;
        entry.complexity = m.complexity;
        if (held_out_.rows > 0 && !stop_.load()) entry.held_out = finite_or(evaluators_[0]->loss_of(m, held_out_), -1.0);
        out.push_back(entry);
    }
    return out;
}

void Search::publish(bool final) {
    Snapshot next;
    next.evaluations = counted();
    for (const Island& island : islands_) next.repeats += island.repeats;
    next.improved_evaluations = improved_evaluations_;
    next.improved_seconds = improved_seconds_;
    next.seconds = elapsed();
    next.front = final ? simplified_ : shown();
    std::lock_guard<std::mutex> lock(mutex_);
    next.version = snapshot_.version + 1;
    next.done = final;
    next.outcome = snapshot_.outcome;
    snapshot_ = std::move(next);
}

void Search::finish() {
    // The individuals are optimised and shortened on the rows of the search, then fitted to all rows.
    constexpr int kFew = 100000;
    Evaluator& e = *evaluators_[0];
    const Data& data = rows();
    HallOfFame optimised(options_.max_size, full_.targets);
    e.thorough = true;
    for (Individual m : hall_of_fame_.slots()) {
        if (!std::isfinite(m.loss)) continue;
        if (!stop_.load() && options_.loss != Loss::Squares) e.assess(m, data);
        if (!stop_.load() && e.optimise_constants(m, data, 40)) e.assess(m, data);
        offer(optimised, m, data, e);
    }
    for (Individual m : optimised.front())
        while (!stop_.load() && reduce(m, data, e, optimised)) {}
    std::vector<Simplified> all;
    for (Individual m : optimised.front()) {
        Simplified t;
        if (stop_.load()) break;
        if (sampled_ && e.assess(m, full_) && e.optimise_constants(m, full_, full_.rows <= kFew ? 8 : 2)) e.assess(m, full_);
        if (!simplify_individual(m, full_.rows <= kFew ? full_ : data, e, t)) continue;
        if (full_.rows > kFew && !measure(t, full_, e)) continue;
        all.push_back(t);
    }
    std::stable_sort(all.begin(), all.end(), [](const Simplified& a, const Simplified& b) {
        return a.complexity != b.complexity ? a.complexity < b.complexity : a.criterion < b.criterion;
    });
    simplified_.clear();
    double best = options_.loss == Loss::Squares && !all.empty() ? 1.0 : INFINITY;  // no worse than the mean
    for (const Simplified& t : all) {
        if (!(t.loss < best * (1.0 - 1e-9)) || best <= 1e-24 || t.complexity > options_.max_size + (full_.targets > 1 ? 2 : 0)) continue;
        best = t.loss;
        Entry entry;
        entry.formulas = t.formulas;
        entry.written = t.written;
        entry.losses = t.losses;
        entry.loss = t.loss;
        entry.complexity = t.complexity;
        if (held_out_.rows > 0) {
            Simplified apart = t;
            entry.held_out = measure(apart, held_out_, e) ? apart.loss : -1.0;
        }
        simplified_.push_back(entry);
    }
    if (simplified_.empty() || stop_.load()) simplified_ = shown();
}

void Search::run() {
    for (int t = 0; t < std::max(1, options_.threads); ++t) evaluators_.push_back(std::make_unique<Evaluator>(*kernel_, options_, &stop_));
    Evaluator& e = *evaluators_[0];
    {
        std::lock_guard<std::mutex> lock(state_mutex_);
        prepare(e);
        extra_evaluations_ += e.evaluations;
        note_progress();
    }
    std::string outcome = status();
    publish(false);
    while (outcome.empty()) {
        std::lock_guard<std::mutex> lock(state_mutex_);
        breed(kBrood, 1.0 - (epoch_ % 20) / 19.0);
        if (collect()) publish(false);
        if (epoch_ % 10 == 9) migrate();
        ++epoch_;
        outcome = status();
    }
    finish();
    {
        std::lock_guard<std::mutex> lock(mutex_);
        snapshot_.outcome = stop_.load() ? "stopped" : outcome;
    }
    publish(true);
}

}  // namespace nde
