// A whole search: islands bred by threads between barriers, migration, the hall of fame, and its snapshots.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "island.hpp"

namespace nde {

struct Entry {
    std::vector<Tree> formulas;  // explicit, in units of y, one per target
    Written written;             // of a template, instead
    std::vector<double> losses;
    double loss = 0.0;
    int complexity = 0;
    double held_out = -1.0;  // negative: no held-out rows
};

struct Snapshot {
    std::uint64_t version = 0;
    std::uint64_t evaluations = 0;
    std::uint64_t repeats = 0;
    double seconds = 0.0;
    std::uint64_t improved_evaluations = 0;  // when the front last became better
    double improved_seconds = 0.0;
    bool done = false;
    std::string outcome;  // "", "solved", "settled", "limit", "stopped", "failed"
    std::string error;
    std::vector<Entry> front;
};

class Search {
public:
    Search(Options options, Data data, Data held_out, std::vector<Tree> guesses, const Kernel* kernel);
    ~Search();
    Search(const Search&) = delete;
    Search& operator=(const Search&) = delete;

    void start();
    void stop() { stop_.store(true); }
    /// The whole state, from which a search over the same samples and settings can go on; waits for the next barrier.
    std::string checkpoint();
    /// Begin from such a state; before `start`. Throws std::invalid_argument when it does not belong to this search.
    void resume(const std::string& bytes);
    /// The state now; waits up to `seconds` for the end.
    Snapshot poll(double seconds);

private:
    void run();
    std::uint64_t fingerprint() const;
    void restore();
    void prepare(Evaluator& e);
    void breed(int children, double temperature);
    void migrate();
    bool collect();
    void publish(bool final);
    std::vector<Entry> shown();
    bool entry_of(const Individual& m, Entry& out) const;
    void finish();
    const char* status();
    double description() const;
    double elapsed() const;

    /// What an island breeds for: -1 all targets together, else one of them.
    int focus(int island) const { return full_.targets > 1 && island % 2 ? island / 2 % full_.targets : -1; }
    const Data& rows() const { return sampled_ ? batch_ : full_; }
    void seed(Evaluator& e);
    void note_progress();
    std::uint64_t counted() const;

    Options options_;
    Options alone_options_;  // of a single target
    Data full_, held_out_, batch_;
    bool sampled_ = false;
    std::vector<Tree> guesses_;
    const Kernel* kernel_;
    std::atomic<bool> stop_{false};

    std::unique_ptr<Mutator> mutator_;
    Dictionary dictionary_;
    std::vector<Island> islands_;
    std::vector<std::unique_ptr<Evaluator>> evaluators_;
    HallOfFame hall_of_fame_;
    std::vector<Data> alone_data_, alone_sketch_;  // each target by itself, where there are several
    std::vector<HallOfFame> alone_;
    bool alone_news_ = false;
    std::vector<double> best_;  // smallest loss up to each complexity
    std::uint64_t improved_evaluations_ = 0;
    double improved_seconds_ = 0.0;
    std::vector<Entry> simplified_;
    std::uint64_t extra_evaluations_ = 0;
    double shortest_ = std::numeric_limits<double>::infinity();  // description of the samples, and when it was found
    std::uint64_t described_ = 0;
    std::uint64_t grace_ = 0;  // evaluations at which a small but not exact error counts as solved
    Random random_;
    std::vector<double> formula_template_begin_;  // parameters as given
    int epoch_ = 0;
    double earlier_ = 0.0;  // seconds of the search that is resumed
    std::string resumed_;
    std::mutex state_mutex_;  // held while islands change

    std::chrono::steady_clock::time_point began_;
    std::thread thread_;
    std::mutex mutex_;
    std::condition_variable changed_;
    Snapshot snapshot_;
};

}  // namespace nde
