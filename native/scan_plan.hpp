// Which thread works on which rows of a scan, and in which order.
#pragma once

#include <vector>

#include "scan_call.hpp"

namespace unspool {

// Gates of a cell: a unit has a row of weights for each.
std::int64_t gates_of(CellKind cell);

// Owns what a Plan points to.
class ScanPlan {
public:
    // `lengths` (B), each 0 to T, or null: T. Throws std::invalid_argument where one is not.
    ScanPlan(CellKind cell, std::int64_t batch, std::int64_t steps, std::int64_t inputs, std::int64_t hidden, const std::int64_t* lengths, bool reverse,
             int threads);
    ScanPlan(const ScanPlan&) = delete;
    ScanPlan& operator=(const ScanPlan&) = delete;

    const Plan& plan() const { return plan_; }
    int threads() const { return threads_; }
    std::int64_t batch() const { return batch_; }
    std::int64_t steps() const { return steps_; }
    std::int64_t inputs() const { return inputs_; }
    std::int64_t hidden() const { return hidden_; }
    bool reverse() const { return reverse_; }
    CellKind cell() const { return cell_; }
    const std::int64_t* lengths() const { return lengths_.empty() ? nullptr : lengths_.data(); }

private:
    std::int64_t length(std::int64_t row) const { return lengths_.empty() ? steps_ : lengths_[row]; }
    void share_out(std::int64_t shares);
    void lay_out();

    CellKind cell_;
    std::int64_t batch_, steps_, inputs_, hidden_;
    bool reverse_;
    int threads_ = 1;
    std::vector<std::int64_t> lengths_, offsets_;
    std::vector<std::int32_t> rows_;
    std::vector<Instant> instants_;
    std::vector<Share> shares_;
    Plan plan_{};
};

} // namespace unspool
