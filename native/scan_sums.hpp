// Gradients of weights: over all instants, the sum of gates' gradients times what the weights read.
#pragma once

#include "scan_layout.hpp"
#include "team.hpp"

namespace unspool::UNSPOOL_ISA {

// Work goes from block to block of instants, and in each from operand to operand that weights read: gates then come from far away once.
struct Outer {
    static constexpr Size PANEL = 24576; // floats
    static constexpr Size BLOCK = PANEL / (WIDE * LANES);

    const float* gates;
    Size row, instants, hidden, units;
    float* panel; // room for so many

    // wide (G H, wide_columns) += sum over the instants i of the block at `k` of gates(i)' * read(i) (* mask(i)), or = at the first, for the planes from
    // `plane` on, which are those of `gate_of`; a team's threads have some units each. Rows of `wide` are whole vectors.
    template <int P, class Read, class Mask>
    UNSPOOL_INLINE void operator()(const Team& team, Size k, const Read& read, const Mask& mask, Size columns, int plane, const int (&gate_of)[P],
                                   float* wide, Size wide_columns) const {
        const Range own = team.part(hidden, 8);
        if (own.first == own.last) return;
        const Size deep = instants - k < BLOCK ? instants - k : BLOCK;
        for (Size vector = 0; vector < wide_columns / LANES; vector += WIDE) {
            const Size left = wide_columns / LANES - vector, vectors = left < WIDE ? left : WIDE, column = vector * LANES;
            const Size width = vectors * LANES, there = columns - column < width ? columns - column : width;
            for (Size i = 0; i < deep; ++i) {
                const float* const from = mask(k + i);
                copy_row(panel + i * width, read(k + i) + column, there, width);
                if (from)
                    for (Size c = 0; c < there; ++c) panel[i * width + c] *= from[column + c];
            }
            for (int p = 0; p < P; ++p) {
                const float* const a = gates + k * row + (plane + p) * units + own.first;
                float* const sums = wide + (gate_of[p] * hidden + own.first) * wide_columns + column;
                switch (vectors) {
                    case 1: add<1>(a, own.count(), deep, sums, wide_columns, k == 0); break;
                    case 2: add<2>(a, own.count(), deep, sums, wide_columns, k == 0); break;
                    case 3: add<3>(a, own.count(), deep, sums, wide_columns, k == 0); break;
                    default: if constexpr (WIDE > 3) add<4>(a, own.count(), deep, sums, wide_columns, k == 0); break;
                }
            }
        }
    }

    // What has been added up without gaps, in `to` (G H, columns), unless it is there; zeros of no instants.
    template <int P>
    UNSPOOL_INLINE void settle(const Team& team, Size columns, const int (&gate_of)[P], const float* wide, Size wide_columns, float* to) const {
        const Range own = team.part(hidden, 8);
        if (wide == to && instants) return;
        for (const int gate : gate_of)
            for (Size r = gate * hidden + own.first; r < gate * hidden + own.last; ++r) {
                if (instants) std::memcpy(to + r * columns, wide + r * wide_columns, columns * sizeof(float));
                else std::memset(to + r * columns, 0, columns * sizeof(float));
            }
    }

private:
    template <int V>
    UNSPOOL_INLINE void add(const float* a, Size count, Size deep, float* sums, Size sums_row, bool first) const {
        const Size tiles = (count + MOST_ROWS<V> - 1) / MOST_ROWS<V>;
        alignas(64) static constexpr float zeros[V * LANES] = {};
        for (Size tile = 0; tile < tiles; ++tile) {
            const Size r = count * tile / tiles;
            const Results to{sums + r * sums_row, sums_row, LANES};
            const Starts from = first ? Starts{zeros, 0, LANES} : Starts{to.at, to.row, to.vec};
            with_rows<V>(static_cast<int>(count * (tile + 1) / tiles - r), [&](auto rows) { columns_times_panel<rows(), V>(a + r, row, panel, deep, from, to); });
        }
    }

    template <int R, int V>
    static __attribute__((noinline)) void columns_times_panel(const float* a, Size stride, const float* panel, Size depth, Starts from, Results to) {
        multiply<R, V>(Columns<R>{a, stride}, panel, panel, depth, from, to);
    }
};

} // namespace unspool::UNSPOOL_ISA
