// Which rows of a cross-entropy are worked on together, and which of their features.
#pragma once

#include <vector>

#include "cross_entropy_call.hpp"

namespace unspool {

// Owns what an EntropyPlan points to.
class OwnEntropyPlan {
public:
    // Pieces of at most `piece` rows, and chunks whose logits, of `row` floats each, are held at once.
    OwnEntropyPlan(const EntropyCall& call, std::int64_t piece, std::int64_t row);
    OwnEntropyPlan(const OwnEntropyPlan&) = delete;
    OwnEntropyPlan& operator=(const OwnEntropyPlan&) = delete;

    const EntropyPlan& plan() const { return plan_; }

private:
    void cut(const EntropyCall& call, std::int64_t piece);
    void share_out(std::int64_t most);

    std::vector<std::int32_t> rows_, features_;
    std::vector<Piece> pieces_;
    std::vector<Chunk> chunks_;
    EntropyPlan plan_{};
};

} // namespace unspool
