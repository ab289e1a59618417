// The scan from the last step to the first, then the products that need no order: gradients of inputs and of weights, over all steps at once.
#pragma once

#include "scan_retreat.hpp"
#include "scan_sums.hpp"
#include "team.hpp"

namespace unspool::UNSPOOL_ISA {

// Instants whose gradients of inputs are worked out together.
inline constexpr Size INPUT_ROWS = 48;

template <class Cell>
struct BackwardRoom {
    static constexpr int GRADIENT_PLANES = Cell::PLANES - Cell::RESETS_BEFORE; // the state times the reset gate has none
    float *state_panels, *candidate_panels, *input_panels;
    float *direct, *read, *reset_state, *keep, *c; // gradients of states, and the mask, by the rows' places
    float *zeros, *biases;                         // of each share: (planes, units)
    float* input_rows;                             // gradients of the inputs of some instants, for each thread
    float *strips, *panel;                         // for each thread
    float *input_weight, *state_weight;            // gradients whose rows are whole vectors
    const float** pointers;                        // for each thread
    Size biases_share, thread_pointers, input_width, strips_floats, panel_floats, input_columns, state_columns;
    Size used;

    BackwardRoom(const ScanCall& call, const ScanGradients& to, const Plan& plan, const Layout& layout, int threads, float* base) {
        Room room(base);
        const Size states = call.batch * layout.held;
        input_width = up(layout.inputs, LANES);
        state_panels = room.floats(Cell::STATE_PLANES * layout.hidden * layout.units);
        candidate_panels = room.floats(Cell::RESETS_BEFORE ? layout.hidden * layout.units : 0);
        input_panels = room.floats(to.x ? Cell::INPUT_PLANES * layout.hidden * input_width : 0);
        direct = room.floats(states);
        read = call.keep ? room.floats(states) : nullptr;
        keep = call.keep ? room.floats(states) : nullptr;
        reset_state = Cell::RESETS_BEFORE ? room.floats(states) : nullptr;
        c = Cell::HAS_C ? room.floats(states) : nullptr;
        zeros = room.floats(layout.units);
        biases_share = Cell::PLANES * layout.units;
        biases = room.floats((plan.by_units ? 1 : plan.shares) * biases_share);
        input_rows = to.x ? room.floats(threads * INPUT_ROWS * input_width) : nullptr;
        strips_floats = to.input_weight || to.state_weight ? skewed(Outer::strips_floats(layout.hidden, GRADIENT_PLANES, threads)) : 0;
        strips = room.floats(threads * strips_floats);
        panel_floats = skewed(Outer::PANEL);
        panel = room.floats(threads * panel_floats);
        input_columns = up(layout.inputs, LANES);
        state_columns = layout.units;
        const Size gates = (Cell::STATE_PLANES + (Cell::RESETS_BEFORE ? 1 : 0)) * layout.hidden;
        input_weight = to.input_weight && input_columns != layout.inputs ? room.floats(gates * input_columns) : to.input_weight;
        state_weight = to.state_weight && state_columns != layout.hidden ? room.floats(gates * state_columns) : to.state_weight;
        thread_pointers = 4 * plan.longest_active;
        pointers = room.pointers<const float>(threads * thread_pointers);
        used = room.used();
    }
};

template <class Cell>
class Backward {
public:
    Backward(const ScanCall& call, const ScanGradients& to, const Plan& plan, const Team& team, float* base)
        : call_(call), to_(to), plan_(plan), team_(team), layout_(Layout::of<Cell>(call.inputs, call.hidden)),
          room_(call, to, plan, layout_, team.threads, base) {}

    void operator()() {
        pack();
        begin();
        team_.wait();
        if (plan_.by_units) scan(plan_.share[0], room_.biases);
        else
            for (Size share = team_.thread; share < plan_.shares; share += team_.threads)
                scan(plan_.share[share], room_.biases + share * room_.biases_share);
        team_.wait();
        end();
        if (to_.x) inputs();
        if (to_.given) given();
        weights();
    }

private:
    void pack() {
        const Range own = team_.part(layout_.vectors, plan_.by_units ? 1 : WIDE); // panels begin where a thread's units do
        const Size hidden = layout_.hidden, block = hidden * hidden, deep = Cell::STATE_PLANES * hidden;
        for (int plane = 0; plane < Cell::STATE_PLANES; ++plane)
            pack_columns(room_.state_panels, call_.state_weight + Cell::STATE_GATES[plane] * block, hidden, hidden, deep, plane * hidden, own.first, own.last);
        if constexpr (Cell::RESETS_BEFORE)
            pack_columns(room_.candidate_panels, call_.state_weight + Cell::CANDIDATE * block, hidden, hidden, hidden, 0, own.first, own.last);
        if (!to_.x) return;
        const Range of_inputs = team_.part(vectors_of(layout_.inputs), WIDE);
        for (int plane = 0; plane < Cell::INPUT_PLANES; ++plane)
            pack_columns(room_.input_panels, call_.input_weight + Cell::INPUT_GATES[plane] * hidden * layout_.inputs, hidden, layout_.inputs,
                         Cell::INPUT_PLANES * hidden, plane * hidden, of_inputs.first, of_inputs.last);
    }

    // Gradients of the states after the last steps, and zeros for the inputs of padding.
    void begin() {
        const auto given = [&](float* to, const float* from, Size row) {
            if (from) copy_row(to, from + row * layout_.hidden, layout_.hidden, layout_.units);
            else std::memset(to, 0, layout_.units * sizeof(float));
        };
        for (Size s = 0; s < plan_.shares; ++s) {
            const Share& share = plan_.share[s];
            const Range own = team_.part(share.count);
            for (Size r = own.first; r < own.last; ++r) {
                const Size row = share.rows[r], at = (share.first + r) * layout_.held;
                given(room_.direct + at, to_.h_last, row);
                if (call_.keep) {
                    copy_row(room_.keep + at, call_.keep + row * layout_.hidden, layout_.hidden, layout_.units);
                    std::memset(room_.read + at, 0, layout_.units * sizeof(float));
                }
                if constexpr (Cell::HAS_C) given(room_.c + at, to_.c_last, row);
                if (!to_.x) continue;
                const Size length = call_.lengths ? call_.lengths[row] : call_.steps, inputs = layout_.inputs;
                std::memset(to_.x + (row * call_.steps + length) * inputs, 0, (call_.steps - length) * inputs * sizeof(float));
            }
        }
        if (team_.thread) return;
        std::memset(room_.zeros, 0, layout_.units * sizeof(float));
        std::memset(room_.biases, 0, (plan_.by_units ? 1 : plan_.shares) * room_.biases_share * sizeof(float));
    }

    const float** pointers() const { return room_.pointers + team_.thread * room_.thread_pointers; }

    // Panels of the part of a thread begin with its first units.
    template <class Work>
    UNSPOOL_INLINE void each_unit(Work work) const { for_units(plan_, team_, layout_, 1, WIDE, work); }

    void scan(const Share& share, float* biases) const {
        const Size at = share.first * layout_.held, back = call_.reverse ? 1 : -1;
        const float **h = pointers(), **y = h + plan_.longest_active;
        const auto zoned_h = reinterpret_cast<const std::uint8_t**>(y + plan_.longest_active), zoned_c = zoned_h + plan_.longest_active;
        for (Size step = share.steps - 1; step >= 0; --step) {
            const Size first = share.offsets[step], count = share.active(step);
            for (Size r = 0; r < count; ++r) {
                const Instant& instant = plan_.instant[first + r];
                h[r] = state_before(instant);
                if (to_.y) y[r] = place(to_.y, instant, to_.y_row, to_.y_step);
                if (call_.zoned_h) zoned_h[r] = place(call_.zoned_h, instant, call_.steps * layout_.hidden, layout_.hidden);
                if (call_.zoned_c) zoned_c[r] = place(call_.zoned_c, instant, call_.steps * layout_.hidden, layout_.hidden);
            }
            const Retreat m{count, call_.gates + first * layout_.row, room_.direct + at, call_.keep ? room_.read + at : nullptr,
                            call_.keep ? room_.keep + at : nullptr, Cell::HAS_C ? room_.c + at : nullptr,
                            Cell::HAS_C ? call_.cells + first * layout_.units : nullptr, h, back * call_.y_step, to_.y ? y : nullptr, back * to_.y_step,
                            call_.zoned_h ? zoned_h : nullptr, call_.zoned_c ? zoned_c : nullptr, call_.zone, biases};
            each_unit([&](const Range units) { retreat(Cell{}, m, layout_, units.first, units.last); });
            if (plan_.by_units) team_.wait();
            products(m, share);
            if (plan_.lends_units) team_.wait();
        }
    }

    // What the state before did through the weights.
    void products(const Retreat& m, const Share& share) const {
        const Size hidden = layout_.hidden;
        const Results to{m.keep ? m.read : m.direct, layout_.held, LANES};
        Starts from{m.direct, layout_.held, LANES};
        if (m.keep) from = {room_.zeros, 0, LANES};
        if constexpr (Cell::RESETS_BEFORE) {
            float* const reset_state = room_.reset_state + share.first * layout_.held;
            each_unit([&](const Range units) {
                product_with(Strided{m.gates, layout_.row}, m.count, room_.candidate_panels, units.first, units.last, {hidden, 1, hidden}, layout_.far,
                             {room_.zeros, 0, LANES}, {reset_state, layout_.held, LANES});
                retreat_reset(m, layout_, reset_state, units.first, units.last);
            });
            if (plan_.by_units) team_.wait();
            from = {to.at, to.row, to.vec};
        }
        each_unit([&](const Range units) {
            product_with(Strided{m.gates + Cell::STATE_FIRST * layout_.units, layout_.row}, m.count, room_.state_panels, units.first, units.last,
                         depth_of(hidden, Cell::STATE_PLANES, layout_.units), layout_.far, from, to);
        });
    }

    bool begins(const Instant& instant) const {
        const Size length = call_.lengths ? call_.lengths[instant.row] : call_.steps;
        return instant.time == (call_.reverse ? length - 1 : 0);
    }

    const float* state_before(const Instant& instant) const {
        if (begins(instant)) return call_.h ? call_.h + instant.row * layout_.hidden : room_.zeros;
        return place(call_.y, instant, call_.y_row, call_.y_step) + (call_.reverse ? call_.y_step : -call_.y_step);
    }

    // Gradients of the first states and of the biases.
    void end() const {
        for (Size s = 0; s < plan_.shares; ++s) {
            const Share& share = plan_.share[s];
            const Range own = team_.part(share.count);
            for (Size r = own.first; r < own.last; ++r) {
                const Size at = (share.first + r) * layout_.held, to = share.rows[r] * layout_.hidden;
                if (to_.h)
                    for (Size u = 0; u < layout_.hidden; ++u) to_.h[to + u] = room_.direct[at + u] + (call_.keep ? room_.keep[at + u] * room_.read[at + u] : 0);
                if (Cell::HAS_C && to_.c) std::memcpy(to_.c + to, room_.c + at, layout_.hidden * sizeof(float));
            }
        }
        if (team_.thread) return;
        if (to_.input_bias)
            for (int plane = 0; plane < Cell::INPUT_PLANES; ++plane) bias(to_.input_bias, plane, Cell::INPUT_GATES[plane]);
        if (!to_.state_bias) return;
        for (int plane = 0; plane < Cell::STATE_PLANES; ++plane) bias(to_.state_bias, Cell::STATE_FIRST + plane, Cell::STATE_GATES[plane]);
        if constexpr (Cell::RESETS_BEFORE) bias(to_.state_bias, 0, Cell::CANDIDATE);
    }

    void bias(float* to, int plane, int gate) const {
        for (Size u = 0; u < layout_.hidden; ++u) {
            float sum = 0;
            for (Size share = 0; share < (plan_.by_units ? 1 : plan_.shares); ++share) sum += room_.biases[share * room_.biases_share + plane * layout_.units + u];
            to[gate * layout_.hidden + u] = sum;
        }
    }

    void inputs() const {
        float* const rows = room_.input_rows + team_.thread * INPUT_ROWS * room_.input_width;
        team_.share(plan_.lends_sums, up(plan_.instants, INPUT_ROWS) / INPUT_ROWS, 1, 1, [&](const Range some) {
            const Size first = some.first * INPUT_ROWS, count = plan_.instants - first < INPUT_ROWS ? plan_.instants - first : INPUT_ROWS;
            std::memset(rows, 0, count * room_.input_width * sizeof(float));
            product_with(Strided{call_.gates + first * layout_.row, layout_.row}, count, room_.input_panels, 0, vectors_of(layout_.inputs),
                         depth_of(layout_.hidden, Cell::INPUT_PLANES, layout_.units), layout_.far, {rows, room_.input_width, LANES},
                         {rows, room_.input_width, LANES});
            for (Size i = 0; i < count; ++i)
                std::memcpy(place(to_.x, plan_.instant[first + i], call_.steps * layout_.inputs, layout_.inputs), rows + i * room_.input_width,
                            layout_.inputs * sizeof(float));
        });
    }

    // Gradients of what the inputs give: a thread has units of its own, so that none waits for another.
    void given() const {
        const Size row = Cell::INPUT_PLANES * layout_.hidden;
        const Range own = team_.part(layout_.vectors);
        const Size unit = own.first * LANES, last = own.last * LANES < layout_.hidden ? own.last * LANES : layout_.hidden;
        for (Size i = 0; i < plan_.instants; ++i) {
            float* const to = to_.given + code_at(call_, plan_.instant[i]) * row;
            for (int plane = 0; plane < Cell::INPUT_PLANES; ++plane) {
                const float* const from = call_.gates + i * layout_.row + plane * layout_.units;
                float* const sums = to + Cell::INPUT_GATES[plane] * layout_.hidden;
                for (Size u = unit; u < last; ++u) sums[u] += from[u];
            }
        }
    }

    void weights() const {
        const Outer outer{call_.gates, layout_.row, plan_.instants, layout_.hidden, layout_.units, plan_.lends_sums,
                          room_.strips, room_.strips_floats, room_.panel + team_.thread * room_.panel_floats};
        const auto x = [&](Size i) { return place(call_.x, plan_.instant[i], call_.x_row, call_.x_step); };
        const auto state = [&](Size i) { return state_before(plan_.instant[i]); };
        const auto reset_state = [&](Size i) { return call_.gates + i * layout_.row + 3 * layout_.units; };
        const auto mask = [&](Size i) { return call_.keep ? call_.keep + plan_.instant[i].row * layout_.hidden : nullptr; };
        const auto none = [](Size) -> const float* { return nullptr; };
        if (!to_.input_weight && !to_.state_weight) return;
        for (Size k = 0; k < plan_.instants; k += Outer::BLOCK) {
            outer.gather(team_, k, BackwardRoom<Cell>::GRADIENT_PLANES);
            if (plan_.lends_sums) team_.wait();
            if (to_.input_weight) outer(team_, k, x, none, layout_.inputs, 0, Cell::INPUT_GATES, room_.input_weight, room_.input_columns);
            if (to_.state_weight) {
                outer(team_, k, state, mask, layout_.hidden, Cell::STATE_FIRST, Cell::STATE_GATES, room_.state_weight, room_.state_columns);
                if constexpr (Cell::RESETS_BEFORE) {
                    constexpr int candidate[] = {Cell::CANDIDATE};
                    outer(team_, k, reset_state, none, layout_.hidden, 0, candidate, room_.state_weight, room_.state_columns);
                }
            }
            if (plan_.lends_sums) team_.wait(); // until all strips are read
        }
        if (to_.input_weight) outer.settle(team_, layout_.inputs, Cell::INPUT_GATES, room_.input_weight, room_.input_columns, to_.input_weight);
        if (!to_.state_weight) return;
        outer.settle(team_, layout_.hidden, Cell::STATE_GATES, room_.state_weight, room_.state_columns, to_.state_weight);
        if constexpr (Cell::RESETS_BEFORE) {
            constexpr int candidate[] = {Cell::CANDIDATE};
            outer.settle(team_, layout_.hidden, candidate, room_.state_weight, room_.state_columns, to_.state_weight);
        }
    }

    const ScanCall& call_;
    const ScanGradients& to_;
    const Plan& plan_;
    const Team& team_;
    const Layout layout_;
    const BackwardRoom<Cell> room_;
};

} // namespace unspool::UNSPOOL_ISA
