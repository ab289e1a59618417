// What a recurrent scan is given, whatever the instruction set. Sizes in elements; B rows, T steps, C inputs, H units, G gates in torch's order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "inline.hpp"

namespace unspool {

enum class CellKind { rnn_tanh, rnn_relu, lstm, gru_reset_after, gru_reset_before };

struct ScanCall {
    CellKind cell;
    std::int64_t batch, steps, inputs, hidden;
    bool reverse;                // each row from its own last real step to its first
    const std::int64_t* lengths; // (B) real steps, 0 to T, or null: T

    const float* x; // (B, T, C), features contiguous
    std::int64_t x_row, x_step;
    const float *input_weight, *state_weight; // (G H, C), (G H, H)
    // In place of inputs and their weights, and C is 0: (V, G H) what V different inputs give, and (B, T) which of them stands where; or null both.
    const float* given;
    const std::int64_t* codes;
    std::int64_t codes_row, codes_step;
    const float *input_bias, *state_bias; // (G H) or null

    const float *h, *c;                    // (B, H) states before the first step, or null: zeros; `c` for an LSTM alone
    const float* keep;                     // (B, H) variational dropout mask over the state where weights read it, or null
    const std::uint8_t *zoned_h, *zoned_c; // (B, T, H) zoneout masks, 1 where the state stays, or null
    float zone;                            // without masks: share of the state that stays (zoneout at rest)

    float* y; // (B, T, H), features contiguous; in the backward scan it is read
    std::int64_t y_row, y_step;
    float *h_last, *c_last; // (B, H) states after each row's last real step

    float* gates; // (real steps, saved row) kept for the way back, which overwrites it; or null: inference
    float* cells; // LSTM: (real steps, padded units) the state "c" before each step, with `gates`
};

struct ScanGradients {
    const float* y; // (B, T, H), features contiguous, or null: zeros
    std::int64_t y_row, y_step;
    const float *h_last, *c_last;       // (B, H) or null: zeros
    float* x;                           // (B, T, C) contiguous, or null: not wanted; likewise below
    float *input_weight, *state_weight; // (G H, C), (G H, H)
    float *input_bias, *state_bias;     // (G H)
    float *h, *c;                       // (B, H)
    float* given;                       // (V, G H), zeros before
};

// The real steps of all rows in the order in which they are worked on. Rows go by falling length, so that those still running at a step are the
// first ones; a share is a set of rows of about equal work, and its steps stand one after the other.
struct Instant {
    std::int32_t row, time;
};

struct Share {
    const std::int32_t* rows;    // by falling length
    std::int64_t first, count;   // place of these rows among all
    const std::int64_t* offsets; // (steps + 1): the first instant of each step
    std::int64_t steps;          // of the longest row
    UNSPOOL_INLINE std::int64_t active(std::int64_t step) const { return offsets[step + 1] - offsets[step]; }
};

struct Plan {
    bool by_units; // all threads work on the one share, each on its own units, and wait for each other at every step
    bool lends_units; // and a thread that is done with its units takes others'
    bool lends_sums;  // likewise where gradients are added up over all steps
    std::int64_t shares, instants;
    std::int64_t longest_active; // rows of the largest step of any share
    const Instant* instant;      // (instants)
    const Share* share;
};

} // namespace unspool
