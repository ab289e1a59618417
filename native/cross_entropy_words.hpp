// How the words of a vocabulary are cut for a team: every thread has a part, a part goes block by block, and its blocks make up runs.
#pragma once

#include "panels.hpp"
#include "team.hpp"

namespace unspool::UNSPOOL_ISA {

// Words of which a thread works at the same time: a block.
struct Words {
    Size first, vectors; // in vectors
    Size number;         // among the blocks of all threads
    bool last;           // of its run
    UNSPOOL_INLINE Size word() const { return first * LANES; }
    UNSPOOL_INLINE Size width() const { return vectors * LANES; }
    UNSPOOL_INLINE Size wide(Size vector) const { return vectors - vector < WIDE ? vectors - vector : WIDE; } // of the panel from there on
};

struct WordsCut {
    // Runs of a part at most. Others may take the later ones, which are shorter. Each is added up by itself, so that results do not depend on who takes it.
    static constexpr Size RUNS = 4;

    Size vectors, threads;
    Size block;     // vectors of a block: as many words as stay in the second-level cache while all rows pass by
    Size runs_each; // of every part: it has a block at least for each

    WordsCut(Size width, Size words, int team) : vectors(vectors_of(words)), threads(team), block(block_of(width)) {
        const Size least = vectors / threads / block;
        runs_each = least < 1 ? 1 : least < RUNS ? least : RUNS;
    }

    UNSPOOL_INLINE Size runs() const { return threads * runs_each; }
    UNSPOOL_INLINE Size blocks() const { return up(vectors, block) / block + threads; } // of all threads together at most

    static UNSPOOL_INLINE Size block_of(Size width) {
        const Size most = 3 * (1 << 14) / ((width ? width : 1) * LANES);
        return most < WIDE ? WIDE : most / WIDE * WIDE;
    }

    // Calls `work` with the blocks of a run. Every run is half of what is left of its part, as long as the later ones have a block each.
    template <class Work>
    UNSPOOL_INLINE void each_block(const Team& team, Size run, Work work) const {
        const Size thread = run / runs_each;
        const Range part = team.part_of(static_cast<int>(thread), vectors, 1);
        const Size blocks_of_part = up(part.count(), block) / block;
        Range blocks{0, 0};
        for (Size later = runs_each - 1; later >= runs_each - 1 - run % runs_each; --later) {
            const Size left = blocks_of_part - blocks.last, half = (left + 1) / 2;
            blocks = {blocks.last, blocks.last + (later == 0 ? left : half < left - later ? half : left - later)};
        }
        for (Size b = blocks.first; b < blocks.last; ++b) {
            const Size first = part.first + b * block, left = part.last - first;
            work(Words{first, left < block ? left : block, part.first / block + thread + b, b + 1 == blocks.last});
        }
    }
};

} // namespace unspool::UNSPOOL_ISA
