// One step of the fused recurrent cells: sums of a few units' gates in a tile, gate arithmetic on the tile, the new state out.
//
// Operands: the new state, x, h (and c), and room for the GRU that resets before. Shape {inputs, hidden, padded hidden}. The gates of LANES units
// stand side by side in a panel, so that a tile has all that its units need. The arithmetic of gates is compiled once, for tiles of either kind.
#pragma once

#include "executor_rows.hpp"

namespace unspool::UNSPOOL_ISA {

// Where the states of a block's items are: an item's first unit, and how far on the next one's is.
struct States {
    const float* before;
    Count before_step;
    float* after;
    Count after_step;
};

template <bool ACROSS>
UNSPOOL_INLINE States states_of(const RowsOf<float>& before, const RowsOf<float>& after, Count row, Count unit, Count units) {
    return {before[row] + unit, ACROSS ? units : before.stride, after[row] + unit, ACROSS ? units : after.stride};
}

// In place; one function after the other, so that the processor works on those of several items at once: each by itself is a long chain.
template <class F>
UNSPOOL_INLINE void in_place(float* sums, int count, int step, F f) {
    for (int i = 0; i < count; ++i) store(sums + i * step, f(load(sums + i * step)));
}

__attribute__((noinline)) inline void finish_gru(float* sums, const Items items, const States h) {
    constexpr int STEP = 4 * LANES;
    in_place(sums + LANES, items.count, STEP, [](Vec x) { return sigmoid(x); });
    in_place(sums + 2 * LANES, items.count, STEP, [](Vec x) { return sigmoid(x); });
    for (int i = 0; i < items.count; ++i, sums += STEP) {
        const int lanes = items.lanes(i);
        const Vec fresh = tanh(load(sums + LANES) * load(sums + 3 * LANES) + load(sums));
        const Vec before = some(h.before + i * h.before_step, lanes);
        put(h.after + i * h.after_step, load(sums + 2 * LANES) * (before - fresh) + fresh, lanes);
    }
}

// Sums of the candidate's input part, reset, update and the candidate's state part.
struct GruResetAfter {
    static constexpr int ITEMS = MOST_ROWS<3>, PANELS = PANELS_AT_ONCE<3>, WIDTH = 4 * LANES;
    RowsOf<float> x, before, after;
    Count inputs, hidden;
    const float *input_panels, *state_panels, *bias;
    float* sums;

    template <bool ACROSS, int N>
    __attribute__((noinline)) void tile(Count row, Count panel, int item) const {
        float* to = sums + item * WIDTH;
        const float* start = bias + panel * WIDTH;
        for (int i = 0; i < N; ++i) store(to + i * WIDTH + 3 * LANES, load(start + (ACROSS ? i * WIDTH : 0) + 3 * LANES));
        const Count columns = panel * 3 * LANES;
        products<ACROSS, N, 3>({x[row], x.stride}, input_panels + columns * inputs, inputs, {start, ACROSS ? WIDTH : 0, LANES}, {to, WIDTH, LANES});
        products<ACROSS, N, 3>({before[row], before.stride}, state_panels + columns * hidden, hidden, {to + LANES, WIDTH, LANES}, {to + LANES, WIDTH, LANES});
    }

    template <bool ACROSS>
    UNSPOOL_INLINE void finish(Count row, Count panel, int count) const {
        const Count unit = panel * LANES;
        finish_gru(sums, {count, hidden - unit, ACROSS ? LANES : 0}, states_of<ACROSS>(before, after, row, unit, LANES));
    }
};

// What is kept of the gates until the candidate is known: its input part, the update gate, and the state times the reset gate.
struct Kept {
    float *candidate, *update, *reset_state;
    Count step;
};

__attribute__((noinline)) inline void finish_gates(float* sums, const Items items, const States h, const Kept kept) {
    for (int i = 0; i < items.count; ++i, sums += 3 * LANES) {
        store(kept.candidate + i * kept.step, load(sums));
        store(kept.update + i * kept.step, sigmoid(load(sums + 2 * LANES)));
        store(kept.reset_state + i * kept.step, sigmoid(load(sums + LANES)) * some(h.before + i * h.before_step, items.lanes(i)));
    }
}

// The gates of a GRU that resets the state before its product with the weights.
struct GruGates {
    static constexpr int ITEMS = MOST_ROWS<3>, PANELS = PANELS_AT_ONCE<3>, WIDTH = 3 * LANES;
    RowsOf<float> x, before, room;
    Count inputs, hidden, padded;
    const float *input_panels, *state_panels, *bias;
    float* sums;

    template <bool ACROSS, int N>
    __attribute__((noinline)) void tile(Count row, Count panel, int item) const {
        float* to = sums + item * WIDTH;
        products<ACROSS, N, 3>({x[row], x.stride}, input_panels + panel * WIDTH * inputs, inputs, {bias + panel * WIDTH, ACROSS ? WIDTH : 0, LANES},
                               {to, WIDTH, LANES});
        products<ACROSS, N, 2>({before[row], before.stride}, state_panels + panel * 2 * LANES * hidden, hidden, {to + LANES, WIDTH, LANES},
                               {to + LANES, WIDTH, LANES});
    }

    template <bool ACROSS>
    UNSPOOL_INLINE void finish(Count row, Count panel, int count) const {
        const Count unit = panel * LANES;
        float* first = room[row] + unit;
        finish_gates(sums, {count, hidden - unit, ACROSS ? LANES : 0}, states_of<ACROSS>(before, before, row, unit, LANES),
                     {first, first + padded, first + 2 * padded, ACROSS ? LANES : room.stride});
    }
};

__attribute__((noinline)) inline void finish_candidate(const float* sums, const Items items, const States h, const float* update, Count update_step) {
    for (int i = 0; i < items.count; ++i)
        for (int v = 0; v < WIDE_PANEL; ++v, sums += LANES) {
            const int lanes = items.lanes(i, v);
            if (!lanes) continue;
            const Vec fresh = tanh(load(sums)), before = some(h.before + i * h.before_step + v * LANES, lanes);
            put(h.after + i * h.after_step + v * LANES, load(update + i * update_step + v * LANES) * (before - fresh) + fresh, lanes);
        }
}

struct GruCandidate {
    static constexpr int ITEMS = MOST_ROWS<WIDE_PANEL>, PANELS = PANELS_AT_ONCE<WIDE_PANEL>, WIDTH = WIDE_PANEL * LANES;
    RowsOf<float> before, after, room;
    Count hidden, padded;
    const float* panels;
    float* sums;

    template <bool ACROSS, int N>
    __attribute__((noinline)) void tile(Count row, Count panel, int item) const {
        const Count unit = panel * WIDTH;
        products<ACROSS, N, WIDE_PANEL>({room[row] + 2 * padded, room.stride}, panels + unit * hidden, hidden,
                                        {room[row] + unit, ACROSS ? WIDTH : room.stride, LANES}, {sums + item * WIDTH, WIDTH, LANES});
    }

    template <bool ACROSS>
    UNSPOOL_INLINE void finish(Count row, Count panel, int count) const {
        const Count unit = panel * WIDTH;
        finish_candidate(sums, {count, hidden - unit, ACROSS ? WIDTH : 0}, states_of<ACROSS>(before, after, row, unit, WIDTH), room[row] + unit + padded,
                         ACROSS ? WIDTH : room.stride);
    }
};

__attribute__((noinline)) inline void finish_lstm(float* sums, const Items items, const States c, float* h, Count h_step) {
    constexpr int STEP = 4 * LANES;
    for (int gate = 0; gate < 4; ++gate)
        if (gate != 2) in_place(sums + gate * LANES, items.count, STEP, [](Vec x) { return sigmoid(x); });
    in_place(sums + 2 * LANES, items.count, STEP, [](Vec x) { return tanh(x); });
    for (int i = 0; i < items.count; ++i, sums += STEP) {
        const int lanes = items.lanes(i);
        const Vec cell = load(sums + LANES) * some(c.before + i * c.before_step, lanes) + load(sums) * load(sums + 2 * LANES);
        put(c.after + i * c.after_step, cell, lanes);
        put(h + i * h_step, load(sums + 3 * LANES) * tanh(cell), lanes);
    }
}

// Sums of input, forget, candidate and output gate; the new h, then the new c, stand in one row.
struct Lstm {
    static constexpr int ITEMS = MOST_ROWS<4>, PANELS = PANELS_AT_ONCE<4>, WIDTH = 4 * LANES;
    RowsOf<float> x, h, c, after;
    Count inputs, hidden;
    const float *input_panels, *state_panels, *bias;
    float* sums;

    template <bool ACROSS, int N>
    __attribute__((noinline)) void tile(Count row, Count panel, int item) const {
        const Results to{sums + item * WIDTH, WIDTH, LANES};
        products<ACROSS, N, 4>({x[row], x.stride}, input_panels + panel * WIDTH * inputs, inputs, {bias + panel * WIDTH, ACROSS ? WIDTH : 0, LANES}, to);
        products<ACROSS, N, 4>({h[row], h.stride}, state_panels + panel * WIDTH * hidden, hidden, {to.at, WIDTH, LANES}, to);
    }

    template <bool ACROSS>
    UNSPOOL_INLINE void finish(Count row, Count panel, int count) const {
        const Count unit = panel * LANES;
        States cells = states_of<ACROSS>(c, after, row, unit, LANES);
        float* new_h = cells.after;
        cells.after += hidden;
        finish_lstm(sums, {count, hidden - unit, ACROSS ? LANES : 0}, cells, new_h, cells.after_step);
    }
};

template <bool TANH>
__attribute__((noinline)) void finish_rnn(const float* sums, const Items items, float* to, Count step) {
    for (int i = 0; i < items.count; ++i)
        for (int v = 0; v < WIDE_PANEL; ++v, sums += LANES) {
            const int lanes = items.lanes(i, v);
            const Vec total = load(sums);
            if (lanes) put(to + i * step + v * LANES, TANH ? tanh(total) : larger(total, Vec{}), lanes);
        }
}

template <bool TANH>
struct Rnn {
    static constexpr int ITEMS = MOST_ROWS<WIDE_PANEL>, PANELS = PANELS_AT_ONCE<WIDE_PANEL>, WIDTH = WIDE_PANEL * LANES;
    RowsOf<float> x, before, after;
    Count inputs, hidden;
    const float *input_panels, *state_panels, *bias;
    float* sums;

    template <bool ACROSS, int N>
    __attribute__((noinline)) void tile(Count row, Count panel, int item) const {
        const Count unit = panel * WIDTH;
        const Results to{sums + item * WIDTH, WIDTH, LANES};
        products<ACROSS, N, WIDE_PANEL>({x[row], x.stride}, input_panels + unit * inputs, inputs, {bias + unit, ACROSS ? WIDTH : 0, LANES}, to);
        products<ACROSS, N, WIDE_PANEL>({before[row], before.stride}, state_panels + unit * hidden, hidden, {to.at, WIDTH, LANES}, to);
    }

    template <bool ACROSS>
    UNSPOOL_INLINE void finish(Count row, Count panel, int count) const {
        const Count unit = panel * WIDTH;
        finish_rnn<TANH>(sums, {count, hidden - unit, ACROSS ? WIDTH : 0}, after[row] + unit, ACROSS ? WIDTH : after.stride);
    }
};

UNSPOOL_INLINE Count panels_for(Count units, Count width) { return (units + width - 1) / width; }

// Weights {input panels, state panels, bias}, and the candidate's state panels of the GRU that resets before.
inline void run_cell(const Instruction& in, const Frame& frame) {
    alignas(64) float sums[BLOCK * 4 * LANES];
    const Count inputs = in.shape[0], hidden = in.shape[1], padded = in.shape[2];
    const float *input_panels = in.weights[0], *state_panels = in.weights[1], *bias = in.weights[2];
    const RowsOf<float> after = rows_of<float>(in, 0, frame, 1, 0), x = rows_of<float>(in, 1, frame, 1, 0), h = rows_of<float>(in, 2, frame, 1, 0);
    const Count narrow = panels_for(hidden, LANES), wide = panels_for(hidden, WIDE_PANEL * LANES);
    switch (in.code) {
        case Code::rnn_tanh: return tiles(Rnn<true>{x, h, after, inputs, hidden, input_panels, state_panels, bias, sums}, x.count, wide);
        case Code::rnn_relu: return tiles(Rnn<false>{x, h, after, inputs, hidden, input_panels, state_panels, bias, sums}, x.count, wide);
        case Code::gru_reset_after: return tiles(GruResetAfter{x, h, after, inputs, hidden, input_panels, state_panels, bias, sums}, x.count, narrow);
        case Code::lstm: {
            const RowsOf<float> c = rows_of<float>(in, 3, frame, 1, 0);
            return tiles(Lstm{x, h, c, after, inputs, hidden, input_panels, state_panels, bias, sums}, x.count, narrow);
        }
        default: {
            const RowsOf<float> room = rows_of<float>(in, 3, frame, 1, 0);
            tiles(GruGates{x, h, room, inputs, hidden, padded, input_panels, state_panels, bias, sums}, x.count, narrow);
            return tiles(GruCandidate{h, after, room, hidden, padded, in.weights[3], sums}, x.count, wide);
        }
    }
}

} // namespace unspool::UNSPOOL_ISA
