#include "scan_plan.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

namespace unspool {

namespace {

// Waking a thread takes some microseconds: below so many multiplications in all, one works alone.
constexpr double LEAST_WORK = 1e5;
// With fewer rows than so many a thread, weights are read for too few of them, and units are shared out in place of rows.
constexpr std::int64_t LEAST_ROWS = 4;
// Floats of the recurrent weights beyond which a thread's second-level cache no longer holds them all, but may hold its part.
constexpr std::int64_t MANY_WEIGHTS = 3 << 16;
// Rows of a thread for which such weights are read often enough from further away: to wait for each other at every step costs more.
constexpr std::int64_t ENOUGH_ROWS = 32;
// A step of fewer multiplications a thread is not worth waiting for each other.
constexpr double LEAST_STEP = 8e3;
// Of so many, or so many of all steps, it is worth taking from each other.
constexpr double LENT_STEP = 1e6, LENT_WORK = 3e7;

} // namespace

std::int64_t gates_of(CellKind cell) { return cell == CellKind::lstm ? 4 : cell == CellKind::rnn_tanh || cell == CellKind::rnn_relu ? 1 : 3; }

ScanPlan::ScanPlan(CellKind cell, std::int64_t batch, std::int64_t steps, std::int64_t inputs, std::int64_t hidden, const std::int64_t* lengths,
                   bool reverse, int threads)
    : cell_(cell), batch_(batch), steps_(steps), inputs_(inputs), hidden_(hidden), reverse_(reverse) {
    if (lengths) lengths_.assign(lengths, lengths + batch);
    for (std::int64_t row = 0; row < static_cast<std::int64_t>(lengths_.size()); ++row)
        if (lengths_[row] < 0 || lengths_[row] > steps)
            throw std::invalid_argument("lengths: row " + std::to_string(row) + " has " + std::to_string(lengths_[row]) + " of " + std::to_string(steps) +
                                        " steps");
    std::int64_t total = 0;
    for (std::int64_t row = 0; row < batch; ++row) total += length(row);
    const double weights = static_cast<double>(gates_of(cell) * hidden) * static_cast<double>(hidden), work = weights * static_cast<double>(total);
    threads_ = work < LEAST_WORK ? 1 : std::max(1, threads);
    const double step = total ? work / static_cast<double>(steps) / threads_ : 0;
    const bool few_rows = batch < LEAST_ROWS * threads_;
    const bool shared_weights = gates_of(cell) * hidden * hidden > MANY_WEIGHTS && batch < ENOUGH_ROWS * threads_;
    plan_.by_units = threads_ > 1 && step > LEAST_STEP && (few_rows || shared_weights);
    plan_.lends_units = plan_.by_units && step > LENT_STEP;
    plan_.lends_sums = threads_ > 1 && work > LENT_WORK * threads_;
    if (!plan_.by_units) threads_ = static_cast<int>(std::min<std::int64_t>(threads_, std::max<std::int64_t>(batch, 1)));
    share_out(plan_.by_units ? 1 : threads_);
    lay_out();
}

// The longest row not yet given goes to the share with the least steps.
void ScanPlan::share_out(std::int64_t shares) {
    std::vector<std::int32_t> order(batch_);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t one, std::int32_t other) { return length(one) > length(other); });
    std::vector<std::vector<std::int32_t>> given(shares);
    std::vector<std::int64_t> work(shares, 0);
    for (std::int32_t row : order) {
        const auto least = std::min_element(work.begin(), work.end()) - work.begin();
        given[least].push_back(row);
        work[least] += length(row);
    }
    rows_.reserve(batch_);
    for (const auto& rows : given) {
        shares_.push_back({nullptr, static_cast<std::int64_t>(rows_.size()), static_cast<std::int64_t>(rows.size()), nullptr, rows.empty() ? 0 : length(rows[0])});
        rows_.insert(rows_.end(), rows.begin(), rows.end());
    }
}

void ScanPlan::lay_out() {
    std::vector<std::size_t> begins;
    for (const Share& share : shares_) {
        begins.push_back(offsets_.size());
        std::int64_t active = share.count;
        for (std::int64_t step = 0; step < share.steps; ++step) {
            while (active && length(rows_[share.first + active - 1]) <= step) --active;
            offsets_.push_back(static_cast<std::int64_t>(instants_.size()));
            plan_.longest_active = std::max(plan_.longest_active, active);
            for (std::int64_t r = 0; r < active; ++r) {
                const std::int32_t row = rows_[share.first + r];
                const std::int64_t time = reverse_ ? length(row) - 1 - step : step;
                instants_.push_back({row, static_cast<std::int32_t>(time)});
            }
        }
        offsets_.push_back(static_cast<std::int64_t>(instants_.size()));
    }
    for (std::size_t i = 0; i < shares_.size(); ++i) {
        shares_[i].rows = rows_.data() + shares_[i].first;
        shares_[i].offsets = offsets_.data() + begins[i];
    }
    plan_.shares = static_cast<std::int64_t>(shares_.size());
    plan_.instants = static_cast<std::int64_t>(instants_.size());
    plan_.instant = instants_.data();
    plan_.share = shares_.data();
}

} // namespace unspool
