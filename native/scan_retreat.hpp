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
    const float* const* y;   // gradients of outputs, or null
    const std::uint8_t *const *zoned_h, *const *zoned_c;
    float zone;
    float* biases; // sums of the gradients of each plane
};

struct Split {
    Vec stays, moves;
};

// What of a gradient goes to the state before by zoneout, and what to the step's own.
UNSPOOL_INLINE Split split(Vec gradient, const std::uint8_t* const* masks, float zone, Size row, Size unit, int lanes) {
    if (masks) {
        const Ints staying = stays(masks[row] + unit, lanes);
        return {select(staying, gradient, Vec{}), select(staying, Vec{}, gradient)};
    }
    return {zone * gradient, (1 - zone) * gradient};
}

// The gradient of the state after the step, from all sides.
UNSPOOL_INLINE Vec arriving(const Retreat& m, const Layout& layout, Size row, Size unit, int lanes) {
    const Size at = row * layout.held + unit;
    Vec gradient = load(m.direct + at);
    if (m.keep) gradient += load(m.keep + at) * load(m.read + at);
    return m.y ? gradient + some(m.y[row] + unit, lanes) : gradient;
}

// As `ask_for_next` on the way there: what the step before this one has kept.
UNSPOOL_INLINE void ask_for_before(const Retreat& m, const Layout& layout, Size row, Size unit) {
    const float* const before = m.gates + (row - m.count) * layout.row + unit;
    for (int plane = 0; plane < 4; ++plane) ask_to_write(before + plane * layout.units);
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
            const Split dh = split(arriving(m, layout, row, unit, lanes), m.zoned_h, m.zone, row, unit, lanes);
            const Vec h = load(gates), sum = TANH ? dh.moves * (1 - h * h) : select(h > 0.0f, dh.moves, Vec{});
            sums.sum[0] += sum;
            store(gates, sum);
            store(m.direct + row * layout.held + unit, dh.stays);
        }
        sums.add_to(m.biases + unit, layout.units);
    }
}

__attribute__((noinline)) inline void retreat(Lstm, const Retreat& m, const Layout& layout, Size first, Size last) {
    for (Size vector = first; vector < last; ++vector) {
        const Size unit = vector * LANES;
        const int lanes = layout.lanes(vector);
        Sums<4> sums;
        for (Size row = 0; row < m.count; ++row) {
            const Size at = row * layout.held + unit;
            float* const gates = m.gates + row * layout.row + unit;
            ask_for_before(m, layout, row, unit);
            const Vec input = load(gates), forget = load(gates + layout.units), candidate = load(gates + 2 * layout.units),
                      output = load(gates + 3 * layout.units), before = load(m.cells + row * layout.units + unit);
            const Vec squashed = tanh(forget * before + input * candidate);
            const Split dh = split(arriving(m, layout, row, unit, lanes), m.zoned_h, m.zone, row, unit, lanes);
            const Split dc = split(load(m.c + at), m.zoned_c, m.zone, row, unit, lanes);
            const Vec cell = dc.moves + dh.moves * output * (1 - squashed * squashed);
            const Vec of_input = cell * candidate * input * (1 - input), of_forget = cell * before * forget * (1 - forget),
                      of_candidate = cell * input * (1 - candidate * candidate), of_output = dh.moves * squashed * output * (1 - output);
            store(gates, of_input);
            store(gates + layout.units, of_forget);
            store(gates + 2 * layout.units, of_candidate);
            store(gates + 3 * layout.units, of_output);
            sums.sum[0] += of_input;
            sums.sum[1] += of_forget;
            sums.sum[2] += of_candidate;
            sums.sum[3] += of_output;
            store(m.c + at, cell * forget + dc.stays);
            store(m.direct + at, dh.stays);
        }
        sums.add_to(m.biases + unit, layout.units);
    }
}

__attribute__((noinline)) inline void retreat(GruResetAfter, const Retreat& m, const Layout& layout, Size first, Size last) {
    for (Size vector = first; vector < last; ++vector) {
        const Size unit = vector * LANES;
        const int lanes = layout.lanes(vector);
        Sums<4> sums;
        for (Size row = 0; row < m.count; ++row) {
            float* const gates = m.gates + row * layout.row + unit;
            ask_for_before(m, layout, row, unit);
            const Vec candidate = load(gates), reset = load(gates + layout.units), update = load(gates + 2 * layout.units),
                      of_state = load(gates + 3 * layout.units), before = some(m.h[row] + unit, lanes);
            const Split dh = split(arriving(m, layout, row, unit, lanes), m.zoned_h, m.zone, row, unit, lanes);
            const Vec to_update = dh.moves * (before - candidate) * update * (1 - update);
            const Vec to_candidate = dh.moves * (1 - update) * (1 - candidate * candidate);
            const Vec to_reset = to_candidate * of_state * reset * (1 - reset), to_state = to_candidate * reset;
            store(gates, to_candidate);
            store(gates + layout.units, to_reset);
            store(gates + 2 * layout.units, to_update);
            store(gates + 3 * layout.units, to_state);
            sums.sum[0] += to_candidate;
            sums.sum[1] += to_reset;
            sums.sum[2] += to_update;
            sums.sum[3] += to_state;
            store(m.direct + row * layout.held + unit, dh.moves * update + dh.stays);
        }
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
