// Where things stand in memory during a cross-entropy.
#pragma once

#include "cross_entropy_call.hpp"
#include "cross_entropy_words.hpp"
#include "scan_layout.hpp"

namespace unspool::UNSPOOL_ISA {

struct EntropyRoom {
    // Rows of a piece at most: they fill whole panels where they are lanes.
    static constexpr Size PIECE = up(96, WIDE * LANES);

    WordsCut cut;

    // Distances and sizes in floats: of a feature in a block, of a block; of a row of states, of a feature in a piece, of a piece, of all pieces of a chunk;
    // of the panels of a piece and a block.
    Size block_row, block_floats, states_row, piece_row, piece_floats, chunk_floats, panels_floats;

    float *states, *turned;       // of the chunk, without what is dropped: (rows, features); and of each piece as columns: (features, rows)
    float* logits;                // in panels of words (rows, words), in whose place exponentials come
    float *truth, *anchor;        // by the rows' places in the chunk: logits of the truth, and what exponentials are relative to in a gradient
    float *scale, *whole;         // likewise: what exponentials are multiplied with there, and what that of the truth lacks
    float *beside, *sums;         // of each run: what its exponentials are relative to (rows), and their sums (rows, lanes)
    float* beside_of_block;       // of each block (rows): as `beside` was then
    float* vectors;               // of each block, as columns: (features, words)
    float* gradients;             // likewise; of one chunk, a block for each thread
    float* by_rows;               // for each thread, exponentials of a piece and a block in panels of rows
    float* of_states;             // of each run, as `turned`
    const float** vector_rows;    // for each thread (features), likewise below
    float **gradient_rows, **state_rows;
    Size used;

    EntropyRoom(const EntropyCall& call, const EntropyPlan& plan, int threads, float* base) : cut(call.width, call.words, threads) {
        Room room(base);
        const bool learns = call.learns();
        block_row = skewed(cut.block * LANES);
        block_floats = skewed(call.width * block_row);
        states_row = skewed(call.width);
        piece_row = skewed(PIECE);
        piece_floats = call.width * piece_row;
        chunk_floats = skewed(plan.most_pieces * piece_floats);
        panels_floats = skewed(PIECE * cut.block * LANES);
        states = room.floats(plan.most_rows * states_row);
        turned = room.floats(call.of_weight ? chunk_floats : 0);
        logits = room.floats((learns ? 1 : threads) * plan.most_rows * row(call));
        truth = room.floats(plan.most_rows);
        anchor = room.floats(learns ? plan.most_rows : 0);
        scale = room.floats(learns ? plan.most_rows : 0);
        whole = room.floats(learns ? plan.most_rows : 0);
        beside = room.floats(cut.runs() * plan.most_rows);
        sums = room.floats(cut.runs() * plan.most_rows * LANES);
        beside_of_block = room.floats(learns ? cut.blocks() * plan.most_rows : 0);
        vectors = room.floats(cut.blocks() * block_floats);
        gradients = room.floats(call.of_weight ? (plan.chunks > 1 ? cut.blocks() : threads) * block_floats : 0);
        by_rows = room.floats(call.of_states ? threads * panels_floats : 0);
        of_states = room.floats(call.of_states ? cut.runs() * chunk_floats : 0);
        vector_rows = room.pointers<const float>(threads * call.width);
        gradient_rows = room.pointers<float>(threads * call.width);
        state_rows = room.pointers<float>(threads * call.width);
        used = room.used();
    }

    // Floats of a row of logits: of all words where they are read again, else of a block.
    static UNSPOOL_INLINE Size row(const EntropyCall& call) { return call.learns() ? up(call.words, LANES) : WordsCut::block_of(call.width) * LANES; }
};

} // namespace unspool::UNSPOOL_ISA
