// Gradients of weights: over all instants, the sum of gates' gradients times what the weights read.
#pragma once

#include "scan_layout.hpp"
#include "team.hpp"

namespace unspool::UNSPOOL_ISA {

// Work goes from block to block of instants. In each, the gates of a few units at a time are laid out as a strip without gaps: as they stand, every instant is
// on another page of memory. Then a panel of what weights read stays in the cache while the strips pass by.
struct Outer {
#if defined(__AVX512F__)
    static constexpr Size PANEL = 24576; // floats
#else
    static constexpr Size PANEL = 192 * WIDE * LANES; // half of the first-level cache
#endif
    static constexpr Size BLOCK = PANEL / (WIDE * LANES);
    static constexpr Size STRIP = 2 * MOST_ROWS<WIDE>;
    static constexpr Size FEW = 16;        // instants
    static constexpr Size FEW_COLUMNS = 4; // columns are few where they fill at most one part of a vector in so many

    const float* gates;
    Size row, instants, hidden, units;
    bool lent;
    float* strips; // room of each thread for `strips_floats`, `strips_thread` apart
    Size strips_thread;
    float* panel; // this thread's, for PANEL floats

    // Room that the gates of a block take in a team of so many.
    static UNSPOOL_INLINE Size strips_floats(Size hidden, int planes, Size threads) {
        const Size all = up(hidden, STRIP) / STRIP;
        return planes * ((all + threads - 1) / threads) * STRIP * BLOCK;
    }

    UNSPOOL_INLINE Range units_of(const Team& team, int thread) const { return team.part_of(thread, hidden, STRIP); }

    // Gates of the block at `k` and this thread's units, all planes: of each strip the instants one after the other.
    UNSPOOL_INLINE void gather(const Team& team, Size k, int planes) const {
        const Range mine = units_of(team, team.thread);
        const Size deep = deep_at(k);
        for (Size first = 0; first < deep; first += FEW) // few instants at a time: theirs are near each other in every strip
            for (int plane = 0; plane < planes; ++plane)
                for (Size unit = 0; unit < mine.count(); unit += STRIP) {
                    const Size last = deep - first < FEW ? deep : first + FEW, left = mine.count() - unit;
                    const float* from = gates + (k + first) * row + plane * units + mine.first + unit;
                    float* to = strip_of(team.thread, mine, plane) + unit * BLOCK + first * STRIP;
                    for (Size i = first; i < last; ++i, from += row, to += STRIP) {
                        ask_for(from + 2 * FEW * row); // in pieces so short that no prefetcher sees their order
                        if (left < STRIP) std::memcpy(to, from, left * sizeof(float));
                        else std::memcpy(to, from, STRIP * sizeof(float));
                    }
                }
    }

    // wide (G H, wide_columns) += sum over the instants i of the gathered block at `k` of gates(i)' * read(i) (* mask(i)), or = at the first, for the planes
    // from `plane` on, which are those of `gate_of`. Rows of `wide` are whole vectors. A thread begins with the units that it has gathered.
    template <int P, class Read, class Mask>
    UNSPOOL_INLINE void operator()(const Team& team, Size k, const Read& read, const Mask& mask, Size columns, int plane, const int (&gate_of)[P],
                                   float* wide, Size wide_columns) const {
        const bool few = columns * FEW_COLUMNS <= LANES;
        const Size panels = few ? 1 : up(wide_columns, WIDE * LANES) / (WIDE * LANES);
        team.share(lent, team.threads * panels, 1, 1, [&](const Range some) {
            const int thread = static_cast<int>(some.first / panels);
            const Range units = units_of(team, thread);
            if (units.first == units.last) return;
            if (few) add_columns(units, k, read, mask, columns, plane, gate_of, wide, wide_columns);
            else add_panel(thread, units, k, read, mask, columns, plane, gate_of, wide, wide_columns, some.first % panels * WIDE);
        });
    }

    // What has been added up without gaps, in `to` (G H, columns), unless it is there; zeros of no instants.
    template <int P>
    UNSPOOL_INLINE void settle(const Team& team, Size columns, const int (&gate_of)[P], const float* wide, Size wide_columns, float* to) const {
        const Range mine = units_of(team, team.thread);
        if (wide == to && instants) return;
        for (const int gate : gate_of)
            for (Size r = gate * hidden + mine.first; r < gate * hidden + mine.last; ++r) {
                if (instants) std::memcpy(to + r * columns, wide + r * wide_columns, columns * sizeof(float));
                else std::memset(to + r * columns, 0, columns * sizeof(float));
            }
    }

private:
    template <int P, class Read, class Mask>
    UNSPOOL_INLINE void add_columns(const Range& units, Size k, const Read& read, const Mask& mask, Size columns, int plane, const int (&gate_of)[P],
                                    float* wide, Size wide_columns) const {
        const Size deep = deep_at(k);
        for (Size column = 0; column < columns; ++column) {
            for (Size i = 0; i < deep; ++i) {
                const float* const from = mask(k + i);
                panel[i] = from ? read(k + i)[column] * from[column] : read(k + i)[column];
            }
            for (int p = 0; p < P; ++p) add_column(units, k, deep, plane + p, wide + gate_of[p] * hidden * wide_columns + column, wide_columns);
        }
    }

    // Columns from those of `vector` on, as many as a panel has.
    template <int P, class Read, class Mask>
    UNSPOOL_INLINE void add_panel(int thread, const Range& units, Size k, const Read& read, const Mask& mask, Size columns, int plane,
                                  const int (&gate_of)[P], float* wide, Size wide_columns, Size vector) const {
        const Size left = wide_columns / LANES - vector, vectors = left < WIDE ? left : WIDE, column = vector * LANES, deep = deep_at(k);
        const Size width = vectors * LANES, there = columns - column < width ? columns - column : width;
        for (Size i = 0; i < deep; ++i) {
            const float* const from = mask(k + i);
            if (const Size ahead = k + i + FEW; ahead < instants)
                for (Size c = 0; c < there; c += LINE) ask_for(read(ahead) + column + c);
            copy_row(panel + i * width, read(k + i) + column, there, width);
            if (from)
                for (Size c = 0; c < there; ++c) panel[i * width + c] *= from[column + c];
        }
        for (int p = 0; p < P; ++p) {
            const float* const a = strip_of(thread, units, plane + p);
            float* const sums = wide + (gate_of[p] * hidden + units.first) * wide_columns + column;
            with_vectors(vectors, [&](auto count) { add<count()>(a, units.count(), deep, sums, wide_columns, k == 0); });
        }
    }

    // A column by itself, whose numbers stand in `panel`: units are the lanes, where of a vector of columns most lanes would be empty.
    void add_column(const Range& of, Size k, Size deep, int plane, float* sums, Size sums_row) const {
        constexpr int V = 4;
        for (Size unit = of.first; unit < of.last; unit += V * LANES) {
            const Size left = of.last - unit;
            const float* from = gates + k * row + plane * units + unit;
            Vec sum[V]{};
            if (unit + V * LANES <= units)
                for (Size i = 0; i < deep; ++i, from += row)
                    for (int v = 0; v < V; ++v) sum[v] += panel[i] * load(from + v * LANES);
            else
                for (Size i = 0; i < deep; ++i, from += row)
                    for (int v = 0; v < V && v * LANES < left; ++v)
                        sum[v] += panel[i] * some(from + v * LANES, static_cast<int>(left - v * LANES < LANES ? left - v * LANES : LANES));
            for (Size u = 0; u < V * LANES && u < left; ++u) {
                float& to = sums[(unit + u) * sums_row];
                to = sum[u / LANES][u % LANES] + (k ? to : 0);
            }
        }
    }

    UNSPOOL_INLINE Size deep_at(Size k) const { return instants - k < BLOCK ? instants - k : BLOCK; }

    UNSPOOL_INLINE float* strip_of(int thread, const Range& units, int plane) const {
        return strips + thread * strips_thread + plane * up(units.count(), STRIP) * BLOCK;
    }

    template <int V>
    UNSPOOL_INLINE void add(const float* a, Size count, Size deep, float* sums, Size sums_row, bool first) const {
        // Of one vector a tile needs more rows, or its few sums wait for each other.
        constexpr Size HIGH = V == 1 && STRIP <= MOST_ROWS<1> ? STRIP : MOST_ROWS<WIDE>;
        alignas(64) static constexpr float zeros[V * LANES] = {};
        for (Size r = 0; r < count; r += HIGH) {
            const Results to{sums + r * sums_row, sums_row, LANES};
            const Starts from = first ? Starts{zeros, 0, LANES} : Starts{to.at, to.row, to.vec};
            const float* const strip = a + r / STRIP * STRIP * BLOCK + r % STRIP;
            const Size high = count - r < HIGH ? count - r : HIGH;
            with_rows<V>(static_cast<int>(high), [&](auto rows) { columns_times_panel<rows(), V>(strip, panel, deep, from, to); });
        }
    }

    template <int R, int V>
    static __attribute__((noinline)) void columns_times_panel(const float* strip, const float* panel, Size depth, const Starts& from, const Results& to) {
        multiply<R, V, false>(Columns<R, STRIP>{strip}, panel, nullptr, depth, from, to);
    }
};

} // namespace unspool::UNSPOOL_ISA
