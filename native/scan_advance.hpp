// A step of the cells after the products: gates, the new state, outputs.
#pragma once

#include "scan_layout.hpp"

namespace unspool::UNSPOOL_ISA {

// One step of the rows that are still running.
struct Moment {
    Size count;
    float* gates; // the first row's; `layout.row` from row to row
    const float* before;
    float *after, *read; // states, and what weights read of the new one, where that is another
    const float* keep;   // the dropout mask, or null
    float *c, *cells;    // the state "c", and where it is kept for the way back, or null
    float* const* y;
    Size next; // from where an output goes to where the row's next one does
    const std::uint8_t *const *zoned_h, *const *zoned_c; // or null
    float zone;
    bool training;

    // Whether the new state is the next one as it is.
    UNSPOOL_INLINE bool plain() const { return !keep && !zoned_h && !zoned_c && zone == 0; }
};

using Bytes = std::uint8_t __attribute__((vector_size(LANES)));

UNSPOOL_INLINE Ints stays(const std::uint8_t* mask, int lanes) {
    Bytes bytes{};
    std::memcpy(&bytes, mask, lanes);
    return __builtin_convertvector(bytes, Ints) != 0;
}

// Zoneout: some units stay, or at rest each is a mean of both.
UNSPOOL_INLINE Vec zoned(Vec before, Vec after, const std::uint8_t* const* masks, float zone, Size row, Size unit, int lanes) {
    if (masks) return select(stays(masks[row] + unit, lanes), before, after);
    return zone != 0 ? zone * before + (1 - zone) * after : after;
}

// Calls `work` with whether a whole vector of units has nothing but gates to it: what else there may be is then not asked row by row.
template <class Step, class Work>
UNSPOOL_INLINE void with_or_without(const Step& m, int lanes, Work work) {
    if (m.plain() && lanes == LANES) work(std::true_type{});
    else work(std::false_type{});
}

// The new state to where it is read next, and out.
template <bool PLAIN = false>
UNSPOOL_INLINE void settle(const Moment& m, const Layout& layout, Size row, Size unit, int lanes, Vec h) {
    const Size at = row * layout.held + unit;
    if constexpr (!PLAIN) h = zoned(load(m.before + at), h, m.zoned_h, m.zone, row, unit, lanes);
    store(m.after + at, h);
    if (!PLAIN && m.keep) store(m.read + at, h * load(m.keep + at));
    put(m.y[row] + unit, h, PLAIN ? LANES : lanes);
}

// Outputs, and what is kept for the way back, are written once and read much later: a step of all rows further on their lines are in no near cache. They are
// asked for while this step's are in work, which waits for memory where arithmetic is.
template <class Cell>
UNSPOOL_INLINE void ask_for_next(Cell, const Moment& m, const Layout& layout, Size row, Size unit) {
    ask_to_write(m.y[row] + unit + m.next);
    if (!m.training) return;
    const float* const next = m.gates + (m.count + row) * layout.row + unit;
    for (int plane = 0; plane < Cell::PLANES; ++plane) ask_to_write(next + plane * layout.units);
    if (m.cells) ask_to_write(m.cells + (m.count + row) * layout.units + unit);
}

template <bool TANH>
__attribute__((noinline)) void advance(Rnn<TANH>, const Moment& m, const Layout& layout, Size first, Size last) {
    for (Size vector = first; vector < last; ++vector)
        for (Size row = 0; row < m.count; ++row) {
            const Size unit = vector * LANES;
            float* const sums = m.gates + row * layout.row + unit;
            ask_for_next(Rnn<TANH>{}, m, layout, row, unit);
            const Vec total = load(sums), h = TANH ? tanh(total) : select(total < 0.0f, Vec{}, total);
            if (m.training) store(sums, h);
            settle(m, layout, row, unit, layout.lanes(vector), h);
        }
}

// Rows whose gates are worked out before any of their states: two short chains of arithmetic a row in place of a long one, of which a processor
// cannot have enough rows' under way.
inline constexpr Size GROUP = 8;

// The gates, and the state "c" before zoneout to `fresh`.
template <bool PLAIN>
UNSPOOL_INLINE void advance_cell(const Moment& m, const Layout& layout, Size row, Size unit, int lanes, float* fresh) {
    const Size at = row * layout.held + unit;
    float* const sums = m.gates + row * layout.row + unit;
    ask_for_next(Lstm{}, m, layout, row, unit);
    const Vec input = sigmoid(load(sums)), forget = sigmoid(load(sums + layout.units)), candidate = tanh(load(sums + 2 * layout.units)),
              before = load(m.c + at);
    const Vec c = forget * before + input * candidate;
    if (m.training) {
        store(sums, input);
        store(sums + layout.units, forget);
        store(sums + 2 * layout.units, candidate);
        store(m.cells + row * layout.units + unit, before);
    }
    store(fresh, c);
    store(m.c + at, PLAIN ? c : zoned(before, c, m.zoned_c, m.zone, row, unit, lanes));
}

__attribute__((noinline)) inline void advance(Lstm, const Moment& m, const Layout& layout, Size first, Size last) {
    alignas(64) float fresh[GROUP * LANES];
    for (Size vector = first; vector < last; ++vector) {
        const Size unit = vector * LANES;
        const int lanes = layout.lanes(vector);
        with_or_without(m, lanes, [&](auto plain) {
            for (Size begin = 0; begin < m.count; begin += GROUP) {
                const Size end = m.count - begin < GROUP ? m.count : begin + GROUP;
                for (Size row = begin; row < end; ++row) advance_cell<plain()>(m, layout, row, unit, lanes, fresh + (row - begin) * LANES);
                for (Size row = begin; row < end; ++row) {
                    float* const sums = m.gates + row * layout.row + 3 * layout.units + unit;
                    const Vec output = sigmoid(load(sums)), h = output * tanh(load(fresh + (row - begin) * LANES));
                    if (m.training) store(sums, output);
                    settle<plain()>(m, layout, row, unit, lanes, h);
                }
            }
        });
    }
}

__attribute__((noinline)) inline void advance(GruResetAfter, const Moment& m, const Layout& layout, Size first, Size last) {
    for (Size vector = first; vector < last; ++vector) {
        const Size unit = vector * LANES;
        const int lanes = layout.lanes(vector);
        with_or_without(m, lanes, [&](auto plain) {
            for (Size begin = 0; begin < m.count; begin += GROUP) {
                const Size end = m.count - begin < GROUP ? m.count : begin + GROUP;
                for (Size row = begin; row < end; ++row) {
                    float* const sums = m.gates + row * layout.row + layout.units + unit;
                    ask_for_next(GruResetAfter{}, m, layout, row, unit);
                    store(sums, sigmoid(load(sums)));
                    store(sums + layout.units, sigmoid(load(sums + layout.units)));
                }
                for (Size row = begin; row < end; ++row) {
                    float* const sums = m.gates + row * layout.row + unit;
                    const Vec reset = load(sums + layout.units), update = load(sums + 2 * layout.units), before = load(m.before + row * layout.held + unit);
                    const Vec candidate = tanh(load(sums) + reset * load(sums + 3 * layout.units));
                    if (m.training) store(sums, candidate);
                    settle<plain()>(m, layout, row, unit, lanes, update * (before - candidate) + candidate);
                }
            }
        });
    }
}

// The gates of the GRU that resets before, and what its candidate reads.
__attribute__((noinline)) inline void reset(const Moment& m, const Layout& layout, const float* read, Size first, Size last) {
    for (Size vector = first; vector < last; ++vector)
        for (Size row = 0; row < m.count; ++row) {
            const Size unit = vector * LANES;
            float* const sums = m.gates + row * layout.row + unit;
            const Vec reset = sigmoid(load(sums + layout.units));
            store(sums + layout.units, reset);
            store(sums + 2 * layout.units, sigmoid(load(sums + 2 * layout.units)));
            store(sums + 3 * layout.units, reset * load(read + row * layout.held + unit));
        }
}

__attribute__((noinline)) inline void advance(GruResetBefore, const Moment& m, const Layout& layout, Size first, Size last) {
    for (Size vector = first; vector < last; ++vector)
        for (Size row = 0; row < m.count; ++row) {
            const Size unit = vector * LANES;
            float* const sums = m.gates + row * layout.row + unit;
            const Vec candidate = tanh(load(sums)), update = load(sums + 2 * layout.units), before = load(m.before + row * layout.held + unit);
            if (m.training) store(sums, candidate);
            settle(m, layout, row, unit, layout.lanes(vector), update * (before - candidate) + candidate);
        }
}

} // namespace unspool::UNSPOOL_ISA
