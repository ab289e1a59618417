// The scan from the first step to the last: the inputs of some steps times their weights, then those steps one by one.
#pragma once

#include "scan_advance.hpp"
#include "team.hpp"

namespace unspool::UNSPOOL_ISA {

// Floats of gates that a few steps may have, so that what the inputs give is still in the second-level cache when the state is added.
inline constexpr Size CHUNK = 1 << 16;
inline constexpr Size LEAST_CHUNK = 48; // instants, so that panels of input weights are read for many rows

// Inputs and state are multiplied in one go, without a detour of the sums over memory, where a thread's weights stay in the second-level cache or are
// read for so many rows that it does not matter. With few rows, those of several steps together are worth more.
inline constexpr Size CACHED_WEIGHTS = 3 << 16, FEW_ROWS = 3, MANY_ROWS = 64;

template <class Cell>
struct ForwardRoom {
    float *input_panels, *state_panels, *candidate_panels, *biases;
    float *tail_input, *tail_state, *tail_bias, *tail_sums; // of the units that fill no vector; the sums for each thread
    float *raw[2], *read[2], *keep, *c; // states by the rows' places, twice: one is read while the other is written
    float* chunk;                       // gates of inference, for each thread
    const float** pointers;             // for each thread
    Size chunk_instants, thread_pointers;
    Size used;

    ForwardRoom(const ScanCall& call, const Plan& plan, const Layout& layout, int threads, float* base) {
        Room room(base);
        const Size states = call.batch * layout.held;
        chunk_instants = CHUNK / layout.row;
        if (chunk_instants < LEAST_CHUNK) chunk_instants = LEAST_CHUNK;
        if (chunk_instants < plan.longest_active) chunk_instants = plan.longest_active;
        if (chunk_instants > plan.instants) chunk_instants = plan.instants;
        input_panels = room.floats(Cell::INPUT_PLANES * layout.units * layout.inputs);
        state_panels = room.floats(Cell::STATE_PLANES * layout.units * layout.hidden);
        candidate_panels = room.floats(Cell::RESETS_BEFORE ? layout.units * layout.hidden : 0);
        biases = room.floats(Cell::PLANES * layout.units);
        const Size tail = Tail::of<Cell>(layout).vectors * LANES;
        tail_input = room.floats(tail * layout.inputs);
        tail_state = room.floats(tail * layout.hidden);
        tail_bias = room.floats(tail);
        tail_sums = room.floats(tail ? threads * (plan.longest_active + 1) * tail : 0);
        for (int i = 0; i < 2; ++i) {
            raw[i] = room.floats(states);
            read[i] = call.keep ? room.floats(states) : raw[i];
        }
        keep = call.keep ? room.floats(states) : nullptr;
        c = Cell::HAS_C ? room.floats(states) : nullptr;
        const Size shared_chunks = plan.by_units ? 1 : threads;
        chunk = call.gates ? nullptr : room.floats(shared_chunks * chunk_instants * layout.row);
        thread_pointers = chunk_instants + 3 * plan.longest_active;
        pointers = room.pointers<const float>(threads * thread_pointers);
        used = room.used();
    }
};

template <class Cell>
class Forward {
public:
    Forward(const ScanCall& call, const Plan& plan, const Team& team, float* base)
        : call_(call), plan_(plan), team_(team), layout_(Layout::of<Cell>(call.inputs, call.hidden)), tail_(Tail::of<Cell>(layout_)),
          room_(call, plan, layout_, team.threads, base) {}

    void operator()() {
        pack();
        begin();
        team_.wait();
        if (plan_.by_units) return scan(plan_.share[0]);
        for (Size share = team_.thread; share < plan_.shares; share += team_.threads) scan(plan_.share[share]);
    }

private:
    static constexpr bool PLAIN = Cell::PLANES == 1; // one gate: panels of several vectors of units
    static constexpr Size GRAIN = PLAIN || Cell::RESETS_BEFORE ? WIDE : 1;

    template <class Work>
    UNSPOOL_INLINE void each_unit(Work work) const { for_units(plan_, team_, layout_, GRAIN, GRAIN, work); }

    void meet() const {
        if (plan_.by_units) team_.wait();
    }

    void pack() {
        const Range own = team_.part(layout_.vectors);
        if constexpr (PLAIN) {
            pack_rows(room_.input_panels, call_.input_weight, layout_.hidden, layout_.inputs, own.first, own.last);
            pack_rows(room_.state_panels, call_.state_weight, layout_.hidden, layout_.hidden, own.first, own.last);
        } else {
            pack_gates(room_.input_panels, call_.input_weight, layout_.inputs, Cell::INPUT_GATES, layout_, own.first, own.last);
            pack_gates(room_.state_panels, call_.state_weight, layout_.hidden, Cell::STATE_GATES, layout_, own.first, own.last);
        }
        if constexpr (Cell::RESETS_BEFORE)
            pack_rows(room_.candidate_panels, call_.state_weight + Cell::CANDIDATE * layout_.hidden * layout_.hidden, layout_.hidden, layout_.hidden,
                      own.first, own.last);
        if (team_.thread) return;
        pack_biases<Cell>(room_.biases, call_.input_bias, call_.state_bias, layout_);
        if (!tail_.vectors) return;
        pack_tail(room_.tail_input, call_.input_weight, layout_.inputs, Cell::INPUT_GATES, layout_, tail_);
        pack_tail(room_.tail_state, call_.state_weight, layout_.hidden, Cell::STATE_GATES, layout_, tail_);
        for (Size c = 0; c < tail_.vectors * LANES; ++c)
            room_.tail_bias[c] = c < Cell::PLANES * tail_.units ? room_.biases[c / tail_.units * layout_.units + tail_.first + c % tail_.units] : 0;
    }

    // States before the first step, and zeros where there will be no outputs.
    void begin() {
        for (Size s = 0; s < plan_.shares; ++s) {
            const Share& share = plan_.share[s];
            const Range own = team_.part(share.count);
            for (Size r = own.first; r < own.last; ++r) {
                const Size row = share.rows[r], at = (share.first + r) * layout_.held, hidden = layout_.hidden;
                begin_with(room_.raw[0] + at, call_.h, row);
                if (call_.keep) {
                    copy_row(room_.keep + at, call_.keep + row * hidden, hidden, layout_.units);
                    for (Size u = 0; u < layout_.units; ++u) room_.read[0][at + u] = room_.raw[0][at + u] * room_.keep[at + u];
                }
                if constexpr (Cell::HAS_C) begin_with(room_.c + at, call_.c, row);
                const Size length = call_.lengths ? call_.lengths[row] : call_.steps;
                for (Size t = length; t < call_.steps; ++t) std::memset(call_.y + row * call_.y_row + t * call_.y_step, 0, hidden * sizeof(float));
                if (length) continue;
                std::memcpy(call_.h_last + row * hidden, room_.raw[0] + at, hidden * sizeof(float));
                if constexpr (Cell::HAS_C) std::memcpy(call_.c_last + row * hidden, room_.c + at, hidden * sizeof(float));
            }
        }
    }

    void begin_with(float* to, const float* states, Size row) const {
        if (states) copy_row(to, states + row * layout_.hidden, layout_.hidden, layout_.units);
        else std::memset(to, 0, layout_.units * sizeof(float));
    }

    // Whether a step's products are one; else those of the inputs come first, for several steps at once. All threads find the same: the largest part decides.
    bool in_one_go(const Share& share) const {
        if (Cell::RESETS_BEFORE || call_.codes) return false;
        const Size columns = (plan_.by_units ? team_.part_of(team_.threads - 1, layout_.vectors, GRAIN).count() : layout_.vectors) * LANES;
        const Size rows = share.steps ? (share.offsets[share.steps] - share.offsets[0]) / share.steps : 0;
        if (rows < FEW_ROWS) return false;
        return (Cell::INPUT_PLANES * layout_.inputs + Cell::STATE_PLANES * layout_.hidden) * columns <= CACHED_WEIGHTS || rows >= MANY_ROWS;
    }

    void scan(const Share& share) const {
        if (in_one_go(share)) return scan_in_one_go(share);
        int now = 0;
        for (Size step = 0; step < share.steps;) {
            const Size first = step;
            Size instants = 0;
            for (; step < share.steps && (step == first || instants + share.active(step) <= room_.chunk_instants); ++step) instants += share.active(step);
            float* const gates = gates_of(share, first);
            each_unit([&](const Range units) { project(share.offsets[first], instants, gates, units); });
            if (plan_.lends_units) team_.wait();
            for (Size s = first; s < step; ++s, now = 1 - now)
                advance_step(share, s, gates + (share.offsets[s] - share.offsets[first]) * layout_.row, now, nullptr);
        }
    }

    void scan_in_one_go(const Share& share) const {
        if constexpr (!Cell::RESETS_BEFORE) {
            const float** const x = pointers();
            for (Size step = 0, now = 0; step < share.steps; ++step, now = 1 - now) {
                const Size first = share.offsets[step], count = share.active(step);
                float* const gates = gates_of(share, step);
                for (Size r = 0; r < count; ++r) x[r] = place(call_.x, plan_.instant[first + r], call_.x_row, call_.x_step);
                advance_step(share, step, gates, static_cast<int>(now), x);
            }
        }
    }

    float* gates_of(const Share& share, Size step) const {
        if (call_.gates) return call_.gates + share.offsets[step] * layout_.row;
        return room_.chunk + (plan_.by_units ? 0 : team_.thread) * room_.chunk_instants * layout_.row;
    }

    const float** pointers() const { return room_.pointers + team_.thread * room_.thread_pointers; }

    // gates = biases + inputs times weights
    void project(Size instant, Size count, float* gates, const Range units) const {
        if (call_.codes) return look_up(instant, count, gates, units);
        const float** const x = pointers();
        for (Size i = 0; i < count; ++i) x[i] = place(call_.x, plan_.instant[instant + i], call_.x_row, call_.x_step);
        const Depth depth{layout_.inputs, 1, layout_.inputs};
        if constexpr (PLAIN) {
            product_with(Pointers{x}, count, room_.input_panels, units.first, units.last, depth, layout_.far, {room_.biases, 0, LANES},
                         {gates, layout_.row, LANES});
        } else {
            constexpr int V = Cell::INPUT_PLANES;
            for (Size vector = units.first; vector < units.last; ++vector) {
                const Size unit = vector * LANES;
                product<V>(Pointers{x}, count, room_.input_panels + unit * V * layout_.inputs, depth, layout_.far, {room_.biases + unit, 0, layout_.units},
                           {gates + unit, layout_.row, layout_.units});
            }
        }
        for (int plane = Cell::INPUT_PLANES; plane < Cell::PLANES && !Cell::RESETS_BEFORE; ++plane)
            for (Size i = 0; i < count; ++i) {
                const Size from = plane * layout_.units + units.first * LANES;
                std::memcpy(gates + i * layout_.row + from, room_.biases + from, units.count() * LANES * sizeof(float));
            }
    }

    // gates = biases + what the inputs give
    void look_up(Size instant, Size count, float* gates, const Range units) const {
        constexpr int PLANES = Cell::RESETS_BEFORE ? Cell::INPUT_PLANES : Cell::PLANES;
        for (Size i = 0; i < count; ++i, gates += layout_.row) {
            const float* const given = call_.given + code_at(call_, plan_.instant[instant + i]) * Cell::INPUT_PLANES * layout_.hidden;
            for (int plane = 0; plane < PLANES; ++plane) {
                const float* const gate = plane < Cell::INPUT_PLANES ? given + Cell::INPUT_GATES[plane] * layout_.hidden : nullptr;
                for (Size vector = units.first; vector < units.last; ++vector) {
                    const Size unit = vector * LANES, at = plane * layout_.units + unit;
                    const Vec bias = load(room_.biases + at);
                    store(gates + at, gate ? bias + some(gate + unit, layout_.lanes(vector)) : bias);
                }
            }
        }
    }

    // The sums of gates have those of the inputs already, or `x` has the inputs' rows. Threads of one share meet afterwards.
    void advance_step(const Share& share, Size step, float* gates, int now, const float* const* x) const {
        const Size first = share.offsets[step], count = share.active(step), at = share.first * layout_.held;
        const float** const given = pointers() + room_.chunk_instants;
        float** const y = const_cast<float**>(given);
        const auto zoned_h = reinterpret_cast<const std::uint8_t**>(given + plan_.longest_active), zoned_c = zoned_h + plan_.longest_active;
        for (Size r = 0; r < count; ++r) {
            const Instant& instant = plan_.instant[first + r];
            y[r] = place(call_.y, instant, call_.y_row, call_.y_step);
            if (call_.zoned_h) zoned_h[r] = place(call_.zoned_h, instant, call_.steps * layout_.hidden, layout_.hidden);
            if (call_.zoned_c) zoned_c[r] = place(call_.zoned_c, instant, call_.steps * layout_.hidden, layout_.hidden);
        }
        const Moment m{count, gates, room_.raw[now] + at, room_.raw[1 - now] + at, room_.read[1 - now] + at, call_.keep ? room_.keep + at : nullptr,
                       Cell::HAS_C ? room_.c + at : nullptr, Cell::HAS_C && call_.cells ? call_.cells + first * layout_.units : nullptr, y,
                       call_.reverse ? -call_.y_step : call_.y_step, call_.zoned_h ? zoned_h : nullptr, call_.zoned_c ? zoned_c : nullptr, call_.zone,
                       call_.gates != nullptr};
        const float* const read = room_.read[now] + at;
        each_unit([&](const Range units) {
            if (x && count > 1) both_products(m, x, read, units);
            else {
                if (x) project(first, count, gates, units);
                state_products(m, read, units);
            }
            if (!Cell::RESETS_BEFORE) finish(share, step, m, units);
        });
        meet();
        if constexpr (Cell::RESETS_BEFORE) {
            each_unit([&](const Range units) {
                candidates(m, units);
                finish(share, step, m, units);
            });
            meet();
        }
    }

    void both_products(const Moment& m, const float* const* x, const float* read, const Range units) const {
        const Size inputs = layout_.inputs, hidden = layout_.hidden;
        if constexpr (Cell::RESETS_BEFORE) {
            return;
        } else if constexpr (PLAIN) {
            for (Size vector = units.first; vector < units.last; vector += WIDE) {
                const Size last = units.last - vector < WIDE ? units.last : vector + WIDE;
                with_vectors(last - vector, [&](auto vectors) { plain_products<vectors()>(m, x, read, vector); });
                advance(Cell{}, m, layout_, vector, last);
            }
        } else {
            const bool tail = tail_.vectors && units.last == layout_.vectors && units.count() > 0;
            for (Size vector = units.first; vector < units.last - tail; ++vector) {
                const Size unit = vector * LANES;
                product_of_both<Cell::PLANES, Cell::INPUT_PLANES, Cell::STATE_FIRST, Cell::STATE_PLANES>(
                    Pointers{x}, room_.input_panels + unit * Cell::INPUT_PLANES * inputs, inputs, Strided{read, layout_.held},
                    room_.state_panels + unit * Cell::STATE_PLANES * hidden, hidden, layout_.far, m.count, {room_.biases + unit, 0, layout_.units},
                    {m.gates + unit, layout_.row, layout_.units});
                advance(Cell{}, m, layout_, vector, vector + 1);
            }
            if (!tail) return;
            switch (tail_.vectors) {
                case 1: tail_products<1>(m, x, read); break;
                case 2: tail_products<2>(m, x, read); break;
                default: tail_products<3>(m, x, read); break;
            }
            advance(Cell{}, m, layout_, layout_.vectors - 1, layout_.vectors);
        }
    }

    template <int V>
    UNSPOOL_INLINE void tail_products(const Moment& m, const float* const* x, const float* read) const {
        constexpr Size WIDTH = V * LANES;
        float* const sums = room_.tail_sums + team_.thread * (plan_.longest_active + 1) * WIDTH;
        product_of_both<V, V, 0, V>(Pointers{x}, room_.tail_input, layout_.inputs, Strided{read, layout_.held}, room_.tail_state, layout_.hidden, layout_.far,
                                    m.count, {room_.tail_bias, 0, LANES}, {sums, WIDTH, LANES});
        for (Size r = 0; r < m.count; ++r)
            for (int plane = 0; plane < Cell::PLANES; ++plane)
                store(m.gates + r * layout_.row + plane * layout_.units + tail_.first,
                      first_lanes(load(sums + r * WIDTH + plane * tail_.units), static_cast<int>(tail_.units)));
    }

    template <int V>
    UNSPOOL_INLINE void plain_products(const Moment& m, const float* const* x, const float* read, Size vector) const {
        const Size unit = vector * LANES;
        product_of_both<V, V, 0, V>(Pointers{x}, room_.input_panels + unit * layout_.inputs, layout_.inputs, Strided{read, layout_.held},
                                    room_.state_panels + unit * layout_.hidden, layout_.hidden, layout_.far, m.count, {room_.biases + unit, 0, LANES},
                                    {m.gates + unit, layout_.row, LANES});
    }

    void state_products(const Moment& m, const float* read, const Range units) const {
        constexpr int V = Cell::STATE_PLANES;
        const Strided rows{read, layout_.held};
        const Depth depth{layout_.hidden, 1, layout_.hidden};
        float* const sums = m.gates + Cell::STATE_FIRST * layout_.units;
        if constexpr (PLAIN) {
            for (Size vector = units.first; vector < units.last; vector += m.count == 1 ? units.count() : WIDE) {
                const Size last = m.count == 1 || units.last - vector < WIDE ? units.last : vector + WIDE;
                product_with(rows, m.count, room_.state_panels, vector, last, depth, layout_.far, {sums, layout_.row, LANES}, {sums, layout_.row, LANES});
                advance(Cell{}, m, layout_, vector, last);
            }
            return;
        } else if (m.count == 1) {
            float* const own = sums + units.first * LANES;
            product_across<V>(read, units.count(), room_.state_panels + units.first * V * LANES * layout_.hidden, depth, {own, LANES, layout_.units},
                              {own, LANES, layout_.units});
            gates_done(m, read, units.first, units.last);
        } else {
            for (Size vector = units.first; vector < units.last; ++vector) {
                float* const own = sums + vector * LANES;
                product<V>(rows, m.count, room_.state_panels + vector * V * LANES * layout_.hidden, depth, layout_.far, {own, layout_.row, layout_.units},
                           {own, layout_.row, layout_.units});
                gates_done(m, read, vector, vector + 1);
            }
        }
    }

    // What reads the state times the reset gate, of all units.
    void candidates(const Moment& m, const Range units) const {
        const Strided reset_rows{m.gates + Cell::RESET_STATE * layout_.units, layout_.row};
        product_with(reset_rows, m.count, room_.candidate_panels, units.first, units.last, {layout_.hidden, 1, layout_.hidden}, layout_.far,
                     {m.gates, layout_.row, LANES}, {m.gates, layout_.row, LANES});
        advance(Cell{}, m, layout_, units.first, units.last);
    }

    UNSPOOL_INLINE void gates_done(const Moment& m, const float* read, Size first, Size last) const {
        if constexpr (Cell::RESETS_BEFORE) reset(m, layout_, read, first, last);
        else if constexpr (!PLAIN) advance(Cell{}, m, layout_, first, last);
    }

    // The states of rows that end here.
    void finish(const Share& share, Size step, const Moment& m, const Range units) const {
        const Size hidden = layout_.hidden, unit = units.first * LANES, last = units.last * LANES < hidden ? units.last * LANES : hidden;
        if (unit >= last) return;
        for (Size r = step + 1 < share.steps ? share.active(step + 1) : 0; r < m.count; ++r) {
            const Size to = share.rows[r] * hidden + unit, from = r * layout_.held + unit;
            std::memcpy(call_.h_last + to, m.after + from, (last - unit) * sizeof(float));
            if constexpr (Cell::HAS_C) std::memcpy(call_.c_last + to, m.c + from, (last - unit) * sizeof(float));
        }
    }

    const ScanCall& call_;
    const Plan& plan_;
    const Team& team_;
    const Layout layout_;
    const Tail tail_;
    const ForwardRoom<Cell> room_;
};

} // namespace unspool::UNSPOOL_ISA
