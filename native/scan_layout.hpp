// Where things stand in memory during a scan.
//
// The row of an instant has a plane for each gate: `units` floats, H filled up to whole vectors. Planes that come of the inputs stand at the front,
// those that come of the state at the back; where the two are not added up, as with the candidate of a GRU, a gate has a plane of each kind.
#pragma once

#include "panels.hpp"
#include "scan_call.hpp"
#include "team.hpp"

namespace unspool::UNSPOOL_ISA {

struct Lstm { // input, forget, candidate, output
    static constexpr int PLANES = 4, INPUT_PLANES = 4, STATE_FIRST = 0, STATE_PLANES = 4;
    static constexpr int INPUT_GATES[] = {0, 1, 2, 3}, STATE_GATES[] = {0, 1, 2, 3};
    static constexpr bool HAS_C = true, RESETS_BEFORE = false;
};

template <bool TANH>
struct Rnn {
    static constexpr int PLANES = 1, INPUT_PLANES = 1, STATE_FIRST = 0, STATE_PLANES = 1;
    static constexpr int INPUT_GATES[] = {0}, STATE_GATES[] = {0};
    static constexpr bool HAS_C = false, RESETS_BEFORE = false;
};

struct GruResetAfter { // candidate of the input, reset, update, candidate of the state
    static constexpr int PLANES = 4, INPUT_PLANES = 3, STATE_FIRST = 1, STATE_PLANES = 3;
    static constexpr int INPUT_GATES[] = {2, 0, 1}, STATE_GATES[] = {0, 1, 2};
    static constexpr bool HAS_C = false, RESETS_BEFORE = false;
};

struct GruResetBefore { // candidate, reset, update, and the state times the reset gate, which the candidate reads
    static constexpr int PLANES = 4, INPUT_PLANES = 3, STATE_FIRST = 1, STATE_PLANES = 2, CANDIDATE = 2, RESET_STATE = 3;
    static constexpr int INPUT_GATES[] = {2, 0, 1}, STATE_GATES[] = {0, 1};
    static constexpr bool HAS_C = false, RESETS_BEFORE = true;
};

struct Layout {
    Size inputs, hidden;
    Size units, vectors; // H filled up, and in vectors
    Size row;            // floats of an instant
    Size held;           // floats of a row of the state
    bool far;            // weights of a step are more than a thread's near caches hold

    template <class Cell>
    static UNSPOOL_INLINE Layout of(Size inputs, Size hidden) {
        const Size units = up(hidden, LANES), weights = (Cell::INPUT_PLANES * inputs + (Cell::STATE_PLANES + Cell::RESETS_BEFORE) * hidden) * units;
        return {inputs, hidden, units, units / LANES, skewed(Cell::PLANES * units), skewed(units), weights > NEAR};
    }

    // The units of a vector that are there.
    UNSPOOL_INLINE int lanes(Size vector) const {
        const Size left = hidden - vector * LANES;
        return static_cast<int>(left < LANES ? left : LANES);
    }
};

// Parts of one piece of memory, each at the beginning of a line of the cache; without memory it only counts.
class Room {
public:
    explicit Room(float* base) : base_(base) {}

    UNSPOOL_INLINE float* floats(Size count) {
        float* const at = base_ ? base_ + used_ : nullptr;
        used_ += up(count, 16) + 16; // a line between them, so that no two begin at the same sets of the cache
        return at;
    }

    template <class T>
    UNSPOOL_INLINE T** pointers(Size count) {
        return reinterpret_cast<T**>(floats(count * (Size{sizeof(T*)} / Size{sizeof(float)})));
    }

    UNSPOOL_INLINE Size used() const { return used_; }

private:
    float* base_;
    Size used_ = 0;
};

// Columns of a panel from rows of a matrix: to[k * width + l] = rows[l * stride + k], zero for l beyond `count`, up to a vector.
UNSPOOL_INLINE void pack_vector(float* to, Size width, const float* rows, Size stride, int count, Size depth) {
    constexpr Size BLOCK = LANES;
    for (Size k = 0; k < depth; k += BLOCK) {
        if (count == LANES && k + BLOCK <= depth) {
            Vec square[LANES];
            for (int l = 0; l < LANES; ++l) square[l] = load(rows + l * stride + k);
            transpose(square);
            for (int i = 0; i < LANES; ++i) store(to + (k + i) * width, square[i]);
            continue;
        }
        const Size deep = depth - k < BLOCK ? depth - k : BLOCK;
        for (int l = 0; l < count; ++l)
            for (Size i = 0; i < deep; ++i) to[(k + i) * width + l] = rows[l * stride + k + i];
        for (int l = count; l < LANES; ++l)
            for (Size i = 0; i < deep; ++i) to[(k + i) * width + l] = 0;
    }
}

// Weights (G H, depth) as panels of one vector of units each, the `V` gates side by side, for units in vectors `first` to `last`.
template <int V>
UNSPOOL_INLINE void pack_gates(float* panels, const float* weight, Size depth, const int (&gates)[V], const Layout& layout, Size first, Size last) {
    for (Size vector = first; vector < last; ++vector)
        for (int v = 0; v < V; ++v)
            pack_vector(panels + vector * V * LANES * depth + v * LANES, V * LANES, weight + (gates[v] * layout.hidden + vector * LANES) * depth, depth,
                        layout.lanes(vector), depth);
}

// The units of the last vector where it is not full: gate after gate they fill fewer vectors than one for each gate. As columns, g * units + i is unit i
// of gate g, and the rest of the last vector is zero.
struct Tail {
    Size first, units, vectors; // no vectors where nothing is won

    template <class Cell>
    static UNSPOOL_INLINE Tail of(const Layout& layout) {
        constexpr bool ADDED_UP = Cell::INPUT_PLANES == Cell::PLANES && Cell::STATE_PLANES == Cell::PLANES;
        const Size units = layout.hidden % LANES, vectors = vectors_of(Cell::PLANES * units);
        return {layout.hidden - units, units, ADDED_UP && vectors < Cell::PLANES ? vectors : 0};
    }
};

template <int V>
UNSPOOL_INLINE void pack_tail(float* panel, const float* weight, Size depth, const int (&gates)[V], const Layout& layout, const Tail& tail) {
    const Size width = tail.vectors * LANES;
    for (Size c = 0; c < width; ++c) {
        const bool there = c < V * tail.units;
        const float* const row = weight + (there ? gates[c / tail.units] * layout.hidden + tail.first + c % tail.units : 0) * depth;
        for (Size k = 0; k < depth; ++k) panel[k * width + c] = there ? row[k] : 0;
    }
}

// Rows of a matrix (count, depth) as columns of plain panels, those of vectors `first` to `last`.
UNSPOOL_INLINE void pack_rows(float* panels, const float* matrix, Size count, Size depth, Size first, Size last) {
    const Size vectors = vectors_of(count);
    for (Size vector = first; vector < last; ++vector) {
        const Size panel = vector / WIDE * WIDE, width = vectors - panel < WIDE ? vectors - panel : WIDE;
        const Size left = count - vector * LANES;
        pack_vector(panels + panel * LANES * depth + (vector - panel) * LANES, width * LANES, matrix + vector * LANES * depth, depth,
                    static_cast<int>(left < LANES ? left : LANES), depth);
    }
}

// Columns of a matrix (rows, columns) as columns of plain panels, those of vectors `first` to `last`, the first panel from `first` on. The panels are
// `depth` deep, and the rows come at depth `at` and on.
UNSPOOL_INLINE void pack_columns(float* panels, const float* matrix, Size rows, Size columns, Size depth, Size at, Size first, Size last) {
    for (Size vector = first; vector < last; vector += WIDE) {
        const Size width = (last - vector < WIDE ? last - vector : WIDE) * LANES, left = columns - vector * LANES;
        float* to = panels + vector * LANES * depth + at * width;
        const float* from = matrix + vector * LANES;
        for (Size k = 0; k < rows; ++k, to += width, from += columns) copy_row(to, from, left < width ? left : width, width);
    }
}

// The biases that are added to a row before anything else: (planes, units).
template <class Cell>
UNSPOOL_INLINE void pack_biases(float* to, const float* of_input, const float* of_state, const Layout& layout) {
    const auto add = [&](int plane, const float* bias, int gate) {
        if (!bias) return;
        for (Size u = 0; u < layout.hidden; ++u) to[plane * layout.units + u] += bias[gate * layout.hidden + u];
    };
    for (Size i = 0; i < Cell::PLANES * layout.units; ++i) to[i] = 0;
    for (int plane = 0; plane < Cell::INPUT_PLANES; ++plane) add(plane, of_input, Cell::INPUT_GATES[plane]);
    for (int plane = 0; plane < Cell::STATE_PLANES; ++plane) add(Cell::STATE_FIRST + plane, of_state, Cell::STATE_GATES[plane]);
    if constexpr (Cell::RESETS_BEFORE) add(0, of_state, Cell::CANDIDATE);
}

// Where each row's step is in (B, T, H).
template <class T>
UNSPOOL_INLINE T* place(T* base, const Instant& instant, Size row, Size step) {
    return base + instant.row * row + instant.time * step;
}

// Calls `work` with the units that are a thread's, in vectors: of a share of its own all, else its part in multiples of `grain`, or `each` at a time where
// others may take the rest.
template <class Work>
UNSPOOL_INLINE void for_units(const Plan& plan, const Team& team, const Layout& layout, Size grain, Size each, Work work) {
    if (!plan.by_units) work(Range{0, layout.vectors});
    else if (plan.lends_units) team.share(true, layout.vectors, grain, each, work);
    else work(team.part(layout.vectors, grain));
}

// Which of the different inputs stands there.
UNSPOOL_INLINE Size code_at(const ScanCall& call, const Instant& instant) { return *place(call.codes, instant, call.codes_row, call.codes_step); }

} // namespace unspool::UNSPOOL_ISA
