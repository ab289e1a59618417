#include "cross_entropy_plan.hpp"

#include <algorithm>

namespace unspool {

namespace {

// Logits that are held at once: enough for the vectors of words to be worth turning, and little enough to stay near the processor.
constexpr std::int64_t HELD = 1 << 22;

} // namespace

OwnEntropyPlan::OwnEntropyPlan(const EntropyCall& call, std::int64_t piece, std::int64_t row) {
    cut(call, piece);
    share_out(std::max(piece, HELD / row));
    plan_.chunk = chunks_.data();
    plan_.chunks = static_cast<std::int64_t>(chunks_.size());
    for (const Chunk& chunk : chunks_) {
        plan_.most_pieces = std::max(plan_.most_pieces, chunk.pieces);
        plan_.most_rows = std::max(plan_.most_rows, chunk.rows);
    }
}

// Rows that count, group by group, in pieces of nearly equal height.
void OwnEntropyPlan::cut(const EntropyCall& call, std::int64_t piece) {
    const std::int64_t group = call.kept ? call.group : call.rows, groups = group ? call.rows / group : 0;
    rows_.reserve(call.rows);
    features_.reserve(groups * call.width); // neither ever moves
    for (std::int64_t g = 0; g < groups; ++g) {
        const std::int32_t* const features = features_.data() + features_.size();
        const std::size_t features_before = features_.size(), rows_before = rows_.size();
        for (std::int64_t k = 0; k < call.width; ++k)
            if (!call.kept || call.kept[g * call.width + k]) features_.push_back(static_cast<std::int32_t>(k));
        for (std::int64_t r = g * group; r < (g + 1) * group; ++r)
            if (!call.shares || call.shares[r] != 0) rows_.push_back(static_cast<std::int32_t>(r));
        const auto count = static_cast<std::int64_t>(rows_.size() - rows_before), width = static_cast<std::int64_t>(features_.size() - features_before);
        const std::int64_t pieces = (count + piece - 1) / piece;
        for (std::int64_t p = 0; p < pieces; ++p) {
            const std::int64_t first = count * p / pieces, last = count * (p + 1) / pieces;
            pieces_.push_back({rows_.data() + rows_before + first, last - first, features, width, 0});
        }
    }
}

// Chunks of at most `most` rows and nearly as many pieces each.
void OwnEntropyPlan::share_out(std::int64_t most) {
    std::int64_t rows = 0;
    for (const Piece& piece : pieces_) rows += piece.count;
    const auto count = static_cast<std::int64_t>(pieces_.size()), wanted = std::max<std::int64_t>(1, (rows + most - 1) / most);
    const std::int64_t each = (count + wanted - 1) / wanted;
    for (std::int64_t p = 0; p < count; p += each) {
        Chunk chunk{pieces_.data() + p, std::min(each, count - p), 0};
        for (std::int64_t i = p; i < p + chunk.pieces; ++i) {
            pieces_[i].first = chunk.rows;
            chunk.rows += pieces_[i].count;
        }
        chunks_.push_back(chunk);
    }
}

} // namespace unspool
