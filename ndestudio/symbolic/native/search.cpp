#include "search.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>

#include "library.hpp"
#include "state.hpp"
#include "tidy.hpp"

namespace nde {
namespace {

/// An NMSE that only rounding is left of.
constexpr double kExact = 1e-23;
/// Evaluations spent on finding something shorter than a long exact formula, and something exact beside a good one.
constexpr std::uint64_t kSettle = 40000, kGrace = 300000;

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
    : options_(std::move(options)),
      full_(std::move(data)),
      held_out_(std::move(held_out)),
      guesses_(std::move(guesses)),
      kernel_(kernel),
      hall_(options_.max_size),
      random_(options_.seed, 0xC00D) {}

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
        add(full_.target[static_cast<std::size_t>(r)]);
        for (const double* column : full_.columns) add(column[r]);
    }
    for (double v : {static_cast<double>(options_.islands), static_cast<double>(options_.members), static_cast<double>(options_.max_size),
                     static_cast<double>(options_.terms), static_cast<double>(options_.batch), static_cast<double>(options_.loss), options_.huber})
        add(v);
    for (int i = 0; i < kOps; ++i) add(options_.allowed[i] ? options_.cost[i] : -1);
    return h;
}

namespace {
constexpr std::uint64_t kMagic = 0x4E4445532D455632ull;  // names the layout; another number for another layout
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
    w.put(random_.key);
    w.put(random_.counter);
    write_hall(w, hall_);
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
    random_.key = r.get<std::uint64_t>();
    random_.counter = r.get<std::uint64_t>();
    read_hall(r, hall_);
    islands_.clear();
    const std::size_t n = r.count(static_cast<std::size_t>(options_.islands));
    for (std::size_t i = 0; i < n; ++i) {
        islands_.emplace_back(options_, static_cast<int>(i));
        islands_.back().read(r, options_);
    }
    if (!r.at_end() || epoch_ < 0 || !(earlier_ >= 0.0)) throw std::invalid_argument("the checkpoint is damaged");
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
    const Data& data = sampled_ ? batch_ : full_;
    mutator_ = std::make_unique<Mutator>(options_, data);
    for (const Tree& guess : guesses_) {
        Member m;
        if (!normalise(guess, options_.terms, m.tree) || !e.assess(m, data)) continue;
        if (e.polish(m, data, 20)) e.assess(m, data);
        offer(hall_, m, data, e);
    }
    if (options_.seeding) {
        dictionary_ = Dictionary(options_, *mutator_, data, e, 8192);
        if (resumed_.empty()) eliminate(options_, dictionary_.sketch(), data, *mutator_, e, hall_);
        publish(false);
        if (resumed_.empty() && !hall_.plain_below(1e-2 * options_.target)) sparse_regression(options_, data, dictionary_, e, hall_);
    }
    for (int i = static_cast<int>(islands_.size()); i < options_.islands; ++i) islands_.emplace_back(options_, i);
}

void Search::breed(int children, double temperature) {
    const Data& data = sampled_ ? batch_ : full_;
    const Context context{options_, data, *mutator_, dictionary_};
    share(static_cast<int>(islands_.size()), options_.threads, [&](int i, int t) {
        Island& island = islands_[static_cast<std::size_t>(i)];
        Evaluator& e = *evaluators_[static_cast<std::size_t>(t)];
        if (island.members.empty()) {
            island.fill(context, e);
            for (const Member& m : hall_.front())
                if (island.random.chance(0.3)) island.immigrate(m);
        }
        island.run(context, e, children, temperature);
    });
}

bool Search::collect() {
    bool news = false;
    for (Island& island : islands_)
        for (const Member& m : island.hall.slots())
            if (std::isfinite(m.loss)) news |= hall_.offer(m);
    return news;
}

void Search::migrate() {
    const std::vector<Member> front = hall_.front();
    if (front.empty()) return;
    for (Island& island : islands_) {
        for (std::size_t k = 0; k < island.members.size(); ++k)
            if (random_.chance(options_.migration)) island.immigrate(front[static_cast<std::size_t>(random_.below(static_cast<int>(front.size())))]);
        if (random_.chance(0.5)) {
            const Island& other = islands_[static_cast<std::size_t>(random_.below(static_cast<int>(islands_.size())))];
            island.immigrate(other.members[static_cast<std::size_t>(random_.below(static_cast<int>(other.members.size())))]);
        }
    }
}

const char* Search::verdict() {
    if (stop_.load()) return "stopped";
    std::uint64_t sum = extra_evaluations_;
    for (const Island& island : islands_) sum += island.evaluations;
    for (Member& m : hall_.slots()) {
        if (!(m.loss <= options_.target)) continue;
        if (options_.target > 1e-10) return "solved";
        // So small an error may still be an approximation by something longer: look on for a while, unless it is plain and
        // its error is but rounding.
        Member better = m;
        Evaluator& e = *evaluators_[0];
        const Data& data = sampled_ ? batch_ : full_;
        if (m.loss > kExact && e.polish(better, data, 30) && e.assess(better, data) && better.loss < m.loss) m = better;
        const bool exact = m.loss <= kExact;
        if (exact && static_cast<std::size_t>(m.complexity) <= Hall::kPlain) return "solved";
        const std::uint64_t until = sum + (exact ? kSettle : kGrace);
        if (grace_ == 0 || until < grace_) grace_ = until;
    }
    if (grace_ && sum >= grace_) return "solved";
    if (options_.evaluations && sum >= options_.evaluations) return "limit";
    if (options_.seconds > 0.0 && elapsed() >= options_.seconds) return "limit";
    return "";
}

std::vector<Entry> Search::shown() {
    std::vector<Entry> out;
    for (const Member& m : hall_.front()) {
        Entry entry;
        if (!formula(m, full_.spread, entry.formula)) continue;
        entry.loss = m.loss;
        entry.complexity = m.complexity;
        if (held_out_.rows > 0 && !stop_.load()) entry.held_out = finite_or(evaluators_[0]->loss_of(m, held_out_), -1.0);
        out.push_back(entry);
    }
    return out;
}

void Search::publish(bool final) {
    Snapshot next;
    next.evaluations = extra_evaluations_;
    for (const Island& island : islands_) {
        next.evaluations += island.evaluations;
        next.repeats += island.repeats;
    }
    next.seconds = elapsed();
    next.front = final ? tidied_ : shown();
    std::lock_guard<std::mutex> lock(mutex_);
    next.version = snapshot_.version + 1;
    next.done = final;
    next.outcome = snapshot_.outcome;
    snapshot_ = std::move(next);
}

void Search::finish() {
    // The members are polished and shortened on the rows of the search, then fitted to all rows.
    constexpr int kFew = 100000;
    Evaluator& e = *evaluators_[0];
    const Data& data = sampled_ ? batch_ : full_;
    Hall polished(options_.max_size);
    for (Member m : hall_.slots()) {
        if (!std::isfinite(m.loss)) continue;
        if (!stop_.load() && e.polish(m, data, 40)) e.assess(m, data);
        offer(polished, m, data, e);
    }
    for (Member m : polished.front())
        while (!stop_.load() && reduce(m, data, e, polished)) {}
    std::vector<Tidied> all;
    for (Member m : polished.front()) {
        Tidied t;
        if (stop_.load()) break;
        if (sampled_ && e.assess(m, full_) && e.polish(m, full_, full_.rows <= kFew ? 8 : 2)) e.assess(m, full_);
        if (!tidy(m, full_.rows <= kFew ? full_ : data, e, t)) continue;
        if (full_.rows > kFew) t.loss = e.formula_loss(t.formula, full_);
        if (std::isfinite(t.loss)) all.push_back(t);
    }
    std::stable_sort(all.begin(), all.end(), [](const Tidied& a, const Tidied& b) {
        return a.complexity != b.complexity ? a.complexity < b.complexity : a.criterion < b.criterion;
    });
    tidied_.clear();
    double best = options_.loss == Loss::Squares && !all.empty() ? 1.0 : INFINITY;  // no worse than the mean
    for (const Tidied& t : all) {
        if (!(t.loss < best * (1.0 - 1e-9)) || best <= 1e-24 || t.complexity > options_.max_size + 2) continue;
        best = t.loss;
        Entry entry;
        entry.formula = t.formula;
        entry.loss = t.loss;
        entry.complexity = t.complexity;
        if (held_out_.rows > 0) entry.held_out = finite_or(e.formula_loss(t.formula, held_out_), -1.0);
        tidied_.push_back(entry);
    }
    if (tidied_.empty() || stop_.load()) tidied_ = shown();
}

void Search::run() {
    for (int t = 0; t < std::max(1, options_.threads); ++t) evaluators_.push_back(std::make_unique<Evaluator>(*kernel_, options_, &stop_));
    Evaluator& e = *evaluators_[0];
    {
        std::lock_guard<std::mutex> lock(state_mutex_);
        prepare(e);
        extra_evaluations_ += e.evaluations;
    }
    std::string outcome = verdict();
    publish(false);
    while (outcome.empty()) {
        std::lock_guard<std::mutex> lock(state_mutex_);
        breed(32, 1.0 - (epoch_ % 20) / 19.0);
        if (collect()) publish(false);
        if (epoch_ % 10 == 9) migrate();
        ++epoch_;
        outcome = verdict();
    }
    finish();
    {
        std::lock_guard<std::mutex> lock(mutex_);
        snapshot_.outcome = stop_.load() ? "stopped" : outcome;
    }
    publish(true);
}

}  // namespace nde
