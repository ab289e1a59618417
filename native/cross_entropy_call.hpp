// What the cross-entropy over a vocabulary is given, whatever the instruction set. Sizes in elements; N rows, H features, V words.
#pragma once

#include <cstddef>
#include <cstdint>

namespace unspool {

struct EntropyCall {
    std::int64_t rows, width, words; // N, H, V

    const float* states;              // (N, H)
    const float *weight, *bias;       // (V, H), (V)
    const std::int64_t* truth;        // (N)
    const float* shares;              // (N) of the loss that is each row's; rows with none are left out
    const std::uint8_t* kept;         // (groups, H) the features of each group of rows that dropout has left, the others being zero; or null: all
    std::int64_t group;               // rows that follow one another and have one mask

    float* surprise;                        // (N) -log p(truth); zeros before, as the gradients of states and bias
    float *of_states, *of_weight, *of_bias; // gradients of the sum of shares * surprise, or null: not wanted

    bool learns() const { return of_states || of_weight || of_bias; }
};

// Rows that have the same features: they are worked on together.
struct Piece {
    const std::int32_t* rows;
    std::int64_t count;
    const std::int32_t* features; // those that are kept
    std::int64_t width;           // how many
    std::int64_t first;           // place of the first row in its chunk
};

// Pieces whose logits are held at once.
struct Chunk {
    const Piece* piece;
    std::int64_t pieces, rows;
};

struct EntropyPlan {
    const Chunk* chunk;
    std::int64_t chunks;
    std::int64_t most_pieces, most_rows; // of one chunk
};

} // namespace unspool
