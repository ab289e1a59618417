// A step of the cells on the way back: gradients of the new state to those of the sums of gates, in their place, and of the state before.
#pragma once

#include "scan_advance.hpp"

namespace unspool::UNSPOOL_ISA {

// One step of the rows that were running. The gradient of a state is `direct`, and where a mask stands between state and weights, that of what
// weights read of it, `read`, times the mask.
struct Retreat {
    Size count;
    float* gates;
    float *direct, *read;
    const float* keep;       // or null, and `read` is nothing
    float* c;                // gradient of the state "c"
    const float* cells;      // the state "c" before the step
    const float* const* h;   // the state "h" before the step
    Size h_before;           // from where that stands to where that of the step before does
    const float* const* y;   // gradients of outputs, or null
    Size y_before;           // likewise
    const std::uint8_t *const *zoned_h, *const *zoned_c;
    float zone;
    float* biases; // sums of the gradients of each plane

    // Whether all of a gradient is the step's own.
    UNSPOOL_INLINE bool plain() const { return !keep && !zoned_h && !zoned_c && zone == 0; }
};

struct Split {
    Vec stays, moves;
};

// What of a gradient goes to the state before by zoneout, and what to the step's own.
template <bool PLAIN = false>
UNSPOOL_INLINE Split split(Vec gradient, const std::uint8_t* const* masks, float zone, Size row, Size unit, int lanes) {
    if constexpr (PLAIN) return {Vec{}, gradient};
    if (masks) {
        const Ints staying = stays(masks[row] + unit, lanes);
        return {select(staying, gradient, Vec{}), select(staying, Vec{}, gradient)};
    }
    return {zone * gradient, (1 - zone) * gradient};
}

// The gradient of the state after the step, from all sides.
template <bool PLAIN = false>
UNSPOOL_INLINE Vec arriving(const Retreat& m, const Layout& layout, Size row, Size unit, int lanes) {
    const Size at = row * layout.held + unit;
    Vec gradient = load(m.direct + at);
    if (!PLAIN && m.keep) gradient += load(m.keep + at) * load(m.read + at);
    return m.y ? gradient + some(m.y[row] + unit, PLAIN ? LANES : lanes) : gradient;
}

// As `ask_for_next` on the way there: what the step before this one has kept.
template <class Cell>
UNSPOOL_INLINE void ask_for_before(Cell, const Retreat& m, const Layout& layout, Size row, Size unit) {
    if (m.y) ask_for(m.y[row] + unit + m.y_before);
    const float* const before = m.gates + (row - m.count) * layout.row + unit;
    for (int plane = 0; plane < Cell::PLANES; ++plane) ask_to_write(before + plane * layout.units);
    if (m.cells) ask_to_write(m.cells + (row - m.count) * layout.units + unit);
}

// Sums over rows, in the order of rows.
template <int N>
struct Sums {
    Vec sum[N] = {};
    UNSPOOL_INLINE void add_to(float* biases, Size units) const {
        for (int i = 0; i < N; ++i) store(biases + i * units, load(biases + i * units) + sum[i]);
    }
};

template <bool TANH>
__attribute__((noinline)) void retreat(Rnn<TANH>, const Retreat& m, const Layout& layout, Size first, Size last) {
    for (Size vector = first; vector < last; ++vector) {
        const Size unit = vector * LANES;
        const int lanes = layout.lanes(vector);
        Sums<1> sums;
        for (Size row = 0; row < m.count; ++row) {
            float* const gates = m.gates + row * layout.row + unit;
            ask_for_before(Rnn<TANH>{}, m, layout, row, unit);
            const Split dh = split(arriving(m, layout, row, unit, lanes), m.zoned_h, m.zone, row, unit, lanes);
            const Vec h = load(gates), sum = TANH ? dh.moves * (1 - h * h) : select(h > 0.0f, dh.moves, Vec{});
            sums.sum[0] += sum;
            store(gates, sum);
            store(m.direct + row * layout.held + unit, dh.stays);
        }
        sums.add_to(m.biases + unit, layout.units);
    }
}

// One row; gradients of its gates are added to `sums`.
template <bool PLAIN>
UNSPOOL_INLINE void retreat_row(Lstm, const Retreat& m, const Layout& layout, Size row, Size unit, int lanes, Sums<4>& sums) {
    const Size at = row * layout.held + unit;
    float* const gates = m.gates + row * layout.row + unit;
    ask_for_before(Lstm{}, m, layout, row, unit);
    const Vec input = load(gates), forget = load(gates + layout.units), candidate = load(gates + 2 * layout.units), output = load(gates + 3 * layout.units),
              before = load(m.cells + row * layout.units + unit);
    const Vec squashed = tanh(forget * before + input * candidate);
    const Split dh = split<PLAIN>(arriving<PLAIN>(m, layout, row, unit, lanes), m.zoned_h, m.zone, row, unit, lanes);
    const Split dc = split<PLAIN>(load(m.c + at), m.zoned_c, m.zone, row, unit, lanes);
    const Vec cell = dc.moves + dh.moves * output * (1 - squashed * squashed), through = cell * forget;
    const Vec found[] = {cell * candidate * input * (1 - input), cell * before * forget * (1 - forget), cell * input * (1 - candidate * candidate),
                         dh.moves * squashed * output * (1 - output)};
    for (int gate = 0; gate < 4; ++gate) {
        store(gates + gate * layout.units, found[gate]);
        sums.sum[gate] += found[gate];
    }
    store(m.c + at, PLAIN ? through : through + dc.stays);
    store(m.direct + at, dh.stays);
}

template <bool PLAIN>
UNSPOOL_INLINE void retreat_row(GruResetAfter, const Retreat& m, const Layout& layout, Size row, Size unit, int lanes, Sums<4>& sums) {
    float* const gates = m.gates + row * layout.row + unit;
    ask_for_before(GruResetAfter{}, m, layout, row, unit);
    ask_for(m.h[row] + unit + m.h_before);
    const Vec candidate = load(gates), reset = load(gates + layout.units), update = load(gates + 2 * layout.units), of_state = load(gates + 3 * layout.units),
              before = some(m.h[row] + unit, PLAIN ? LANES : lanes);
    const Split dh = split<PLAIN>(arriving<PLAIN>(m, layout, row, unit, lanes), m.zoned_h, m.zone, row, unit, lanes);
    const Vec to_candidate = dh.moves * (1 - update) * (1 - candidate * candidate), through = dh.moves * update;
    const Vec found[] = {to_candidate, to_candidate * of_state * reset * (1 - reset), dh.moves * (before - candidate) * update * (1 - update),
                         to_candidate * reset};
    for (int plane = 0; plane < 4; ++plane) {
        store(gates + plane * layout.units, found[plane]);
        sums.sum[plane] += found[plane];
    }
    store(m.direct + row * layout.held + unit, PLAIN ? through : through + dh.stays);
}

// The cells whose four planes have a gradient each.
template <class Cell>
__attribute__((noinline)) void retreat(Cell cell, const Retreat& m, const Layout& layout, Size first, Size last) {
    for (Size vector = first; vector < last; ++vector) {
        const Size unit = vector * LANES;
        const int lanes = layout.lanes(vector);
        Sums<4> sums;
        with_or_without(m, lanes, [&](auto plain) {
            for (Size row = 0; row < m.count; ++row) retreat_row<plain()>(cell, m, layout, row, unit, lanes, sums);
        });
        sums.add_to(m.biases + unit, layout.units);
    }
}

// Candidate and update gate; the reset gate waits for the gradient of what the candidate read.
__attribute__((noinline)) inline void retreat(GruResetBefore, const Retreat& m, const Layout& layout, Size first, Size last) {
    for (Size vector = first; vector < last; ++vector) {
        const Size unit = vector * LANES;
        const int lanes = layout.lanes(vector);
        Sums<1> candidates, updates;
        for (Size row = 0; row < m.count; ++row) {
            float* const gates = m.gates + row * layout.row + unit;
            const Vec candidate = load(gates), update = load(gates + 2 * layout.units), before = some(m.h[row] + unit, lanes);
            const Split dh = split(arriving(m, layout, row, unit, lanes), m.zoned_h, m.zone, row, unit, lanes);
            const Vec to_update = dh.moves * (before - candidate) * update * (1 - update);
            const Vec to_candidate = dh.moves * (1 - update) * (1 - candidate * candidate);
            store(gates, to_candidate);
            store(gates + 2 * layout.units, to_update);
            candidates.sum[0] += to_candidate;
            updates.sum[0] += to_update;
            store(m.direct + row * layout.held + unit, dh.moves * update + dh.stays);
        }
        candidates.add_to(m.biases + unit, layout.units);
        updates.add_to(m.biases + 2 * layout.units + unit, layout.units);
    }
}

// `of_reset_state` is the gradient of the state times the reset gate.
__attribute__((noinline)) inline void retreat_reset(const Retreat& m, const Layout& layout, const float* of_reset_state, Size first, Size last) {
    for (Size vector = first; vector < last; ++vector) {
        const Size unit = vector * LANES;
        const int lanes = layout.lanes(vector);
        Sums<1> sums;
        for (Size row = 0; row < m.count; ++row) {
            const Size at = row * layout.held + unit;
            float* const gates = m.gates + row * layout.row + layout.units + unit;
            const Vec reset = load(gates), gradient = load(of_reset_state + at), before = some(m.h[row] + unit, lanes);
            const Vec read = m.keep ? before * load(m.keep + at) : before;
            const Vec to_reset = gradient * read * reset * (1 - reset);
            sums.sum[0] += to_reset;
            store(gates, to_reset);
            float* const to_read = m.keep ? m.read + at : m.direct + at;
            store(to_read, m.keep ? gradient * reset : load(to_read) + gradient * reset);
        }
        sums.add_to(m.biases + layout.units + unit, layout.units);
    }
}

} // namespace unspool::UNSPOOL_ISA
