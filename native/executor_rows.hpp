// Rows times packed weights, tile by tile, with a last word on each tile while it is in the first-level cache.
//
// Weights are cut into panels of a few vectors of columns. A tile is a few rows times one panel or, of a single row, a few panels: either way
// enough sums at once to hide the latency of a multiplication. Each sum runs over the depth in order, so that a row's result does not depend on
// how many rows there are.
#pragma once

#include "executor_sums.hpp"
#include "tile.hpp"

namespace unspool::UNSPOOL_ISA {

struct Operands {
    const float* first;
    Count row;
};

// N rows from `x` on and one panel or, ACROSS, one row and N panels.
template <bool ACROSS, int N, int V>
UNSPOOL_INLINE void products(const Operands x, const float* panel, Count depth, const Starts from, const Results to) {
    if constexpr (ACROSS) {
        multiply_across<N, V>(x.first, panel, depth, 1, depth, from, to);
    } else {
        Rows<N> rows;
        for (int i = 0; i < N; ++i) rows.row[i] = x.first + i * x.row;
        multiply<N, V, false>(rows, panel, nullptr, depth, from, to);
    }
}

// Panels that one row passes over at once: enough sums to hide the latency of a multiplication, and no more streams from memory than that.
template <int V>
inline constexpr int PANELS_AT_ONCE = 8 / V;

// Items whose sums are finished together: the arithmetic of a gate is one long chain, and a processor works on those of many items at once.
inline constexpr int BLOCK = 16;

template <bool ACROSS, class Cell>
UNSPOOL_INLINE void tile_of(int items, const Cell& cell, Count row, Count panel, int item) {
    switch (items) {
        case 1: return cell.template tile<ACROSS, 1>(row, panel, item);
        case 2: return cell.template tile<ACROSS, 2>(row, panel, item);
        case 3: return cell.template tile<ACROSS, 3>(row, panel, item);
        default: break;
    }
    if constexpr (Cell::ITEMS > 3) switch (items) {
        case 4: return cell.template tile<ACROSS, 4>(row, panel, item);
        case 5: if constexpr (Cell::ITEMS > 4) return cell.template tile<ACROSS, 5>(row, panel, item); break;
        case 6: if constexpr (Cell::ITEMS > 5) return cell.template tile<ACROSS, 6>(row, panel, item); break;
        case 7: if constexpr (Cell::ITEMS > 6) return cell.template tile<ACROSS, 7>(row, panel, item); break;
        case 8: if constexpr (Cell::ITEMS > 7) return cell.template tile<ACROSS, 8>(row, panel, item); break;
        default: break;
    }
}

UNSPOOL_INLINE Count at_most(Count count, Count most) { return count < most ? count : most; }

// The panels of one row.
template <class Cell>
UNSPOOL_INLINE void tiles_across(const Cell& cell, Count panels) {
    for (Count first = 0; first < panels; first += BLOCK) {
        const Count count = at_most(panels - first, BLOCK);
        for (Count item = 0; item < count; item += Cell::PANELS)
            tile_of<true>(static_cast<int>(at_most(count - item, Cell::PANELS)), cell, 0, first + item, static_cast<int>(item));
        cell.template finish<true>(0, first, static_cast<int>(count));
    }
}

// All tiles: a panel stays in the cache while the rows pass, in tiles of about equal height.
template <class Cell>
UNSPOOL_INLINE void tiles(const Cell& cell, Count rows, Count panels) {
    if (rows == 1) return tiles_across(cell, panels);
    for (Count panel = 0; panel < panels; ++panel)
        for (Count first = 0; first < rows; first += BLOCK) {
            const Count count = at_most(rows - first, BLOCK), high = (count + Cell::ITEMS - 1) / Cell::ITEMS;
            for (Count tile = 0; tile < high; ++tile) {
                const Count item = count * tile / high;
                tile_of<false>(static_cast<int>(count * (tile + 1) / high - item), cell, first + item, panel, static_cast<int>(item));
            }
            cell.template finish<false>(first, panel, static_cast<int>(count));
        }
}

// Items whose sums are done: rows of one panel, or panels of one row.
struct Items {
    int count;
    Count units, units_step; // real units from those of the first item on, and how many fewer there are for each item after it
    // Real lanes of a vector of an item.
    UNSPOOL_INLINE int lanes(int item, int vector = 0) const {
        const Count left = units - item * units_step - vector * LANES;
        return static_cast<int>(left < LANES ? (left > 0 ? left : 0) : LANES);
    }
};

template <int V>
struct Linear {
    static constexpr int ITEMS = MOST_ROWS<V>, PANELS = PANELS_AT_ONCE<V>;
    RowsOf<float> to, x;
    Count depth, columns;
    const float *panels, *bias;

    template <bool>
    UNSPOOL_INLINE void finish(Count, Count, int) const {}

    template <bool ACROSS, int N>
    __attribute__((noinline)) void tile(Count row, Count panel, int) const {
        constexpr Count WIDTH = V * LANES;
        const Count column = panel * WIDTH;
        const float* start = bias + column;
        const float* weights = panels + column * depth;
        const Operands rows{x[row], x.stride};
        float* first = to[row] + column;
        const Count step = ACROSS ? WIDTH : to.stride;
        if (column + (ACROSS ? N : 1) * WIDTH <= columns)
            return products<ACROSS, N, V>(rows, weights, depth, {start, ACROSS ? WIDTH : 0, LANES}, {first, step, LANES});
        alignas(64) float sums[N * WIDTH];
        products<ACROSS, N, V>(rows, weights, depth, {start, ACROSS ? WIDTH : 0, LANES}, {sums, WIDTH, LANES});
        for (int i = 0; i < N; ++i) {
            const Count left = columns - column - (ACROSS ? i * WIDTH : 0);
            std::memcpy(first + i * step, sums + i * WIDTH, (left < WIDTH ? left : WIDTH) * sizeof(float));
        }
    }
};

inline constexpr int WIDE_PANEL = 3;

template <int V>
UNSPOOL_INLINE void run_panels(const Instruction& in, const RowsOf<float>& to, const RowsOf<float>& x, Count first, Count panels) {
    const Count depth = in.shape[1], column = first * WIDE_PANEL * LANES;
    const Linear<V> linear{{to.first + column, to.stride, to.count}, x, depth, in.shape[2] - column, in.weights[0] + column * depth, in.weights[1] + column};
    tiles(linear, x.count, panels);
}

// Shape {rows, in, out}, weights {panels, bias}. Panels are of three vectors, the last one as narrow as it can be.
inline void run_linear(const Instruction& in, const Frame& frame) {
    const Count depth = in.shape[1], columns = in.shape[2];
    const RowsOf<float> to = rows_of<float>(in, 0, frame, in.shape[0], columns), x = rows_of<float>(in, 1, frame, in.shape[0], depth);
    const Count vectors = (columns + LANES - 1) / LANES, whole = vectors / WIDE_PANEL;
    if (whole) run_panels<WIDE_PANEL>(in, to, x, 0, whole);
    if (vectors % WIDE_PANEL == 1) run_panels<1>(in, to, x, whole, 1);
    if (vectors % WIDE_PANEL == 2) run_panels<2>(in, to, x, whole, 1);
}

} // namespace unspool::UNSPOOL_ISA
