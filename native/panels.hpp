// Weights cut into panels of a few vectors, and products of many rows with them.
#pragma once

#include "tile.hpp"

namespace unspool::UNSPOOL_ISA {

using Size = std::ptrdiff_t;

// Floats of a panel that stay in the second-level cache while all rows pass over them. It is read at about ten bytes a cycle, which that cache gives;
// pieces that fit the first level were tried, and storing sums more often cost more.
inline constexpr Size CACHED = 1 << 16;

template <int V>
inline constexpr Size DEPTH = CACHED / (V * LANES);

inline constexpr Size up(Size count, Size multiple) { return (count + multiple - 1) / multiple * multiple; }

// Rows an odd number of cache lines long never fall on few sets of the cache, whatever their width.
UNSPOOL_INLINE Size skewed(Size floats) {
    const Size lines = up(floats, 16) / 16;
    return (lines | 1) * 16;
}

// The rows of an operand that are given one by one.
struct Pointers {
    const float* const* row;
    UNSPOOL_INLINE const float* operator[](Size r) const { return row[r]; }
};

// Rows that stand one after the other.
struct Strided {
    const float* first;
    Size stride;
    UNSPOOL_INLINE const float* operator[](Size r) const { return first + r * stride; }
};

// Floats of weights that stay in the second-level cache from step to step.
inline constexpr Size NEAR = 3 << 15;

// While tiles pass over a panel of `depth` and V vectors that is `far`, the first ones ask for the next panel, which stands behind it, so that it comes from
// the third level of the cache or from memory in time. What is near is not asked for: that takes the place of loads.
template <int V>
UNSPOOL_INLINE bool asks(bool far, Size tile) {
    return far && tile * LINE < V * LANES;
}

// The part that tile number `tile` asks for.
template <int V>
UNSPOOL_INLINE const float* ahead_of(const float* panel, Size depth, Size tile) {
    return panel + V * LANES * depth + tile * depth * LINE;
}

// Of all that is not inline here, what is handed over is referred to: a copy of what was just written down would have to wait until that has left the
// processor's queue of stores, behind all the sums of the tile before.
template <int R, int V, bool ASKS, class Source, class From = Starts, class To = Results>
__attribute__((noinline)) void rows_times_panel(const Source& a, Size r, Size k, const float* panel, const float* ahead, Size depth, const From& from,
                                                const To& to) {
    if (depth < 1) __builtin_unreachable(); // of no depth there is no panel; else each sum would be written down before the loop
    Rows<R> rows;
    for (int i = 0; i < R; ++i) rows.row[i] = a[r + i] + k;
    multiply<R, V, ASKS>(rows, panel, ahead, depth, from, to);
}

// Calls `work` with a constant in place of `rows`, 1 to MOST_ROWS<V>.
template <int V, class Work>
UNSPOOL_INLINE void with_rows(int rows, Work work) {
    switch (rows) {
        case 1: return work(std::integral_constant<int, 1>{});
        case 2: return work(std::integral_constant<int, 2>{});
        case 3: return work(std::integral_constant<int, 3>{});
        case 4: if constexpr (MOST_ROWS<V> > 3) return work(std::integral_constant<int, 4>{}); break;
        case 5: if constexpr (MOST_ROWS<V> > 4) return work(std::integral_constant<int, 5>{}); break;
        case 6: if constexpr (MOST_ROWS<V> > 5) return work(std::integral_constant<int, 6>{}); break;
        case 7: if constexpr (MOST_ROWS<V> > 6) return work(std::integral_constant<int, 7>{}); break;
        case 8: if constexpr (MOST_ROWS<V> > 7) return work(std::integral_constant<int, 8>{}); break;
        default: break;
    }
}

// How a depth is laid out in the rows of an operand: `segments` runs of `count` floats, the first ones `stride` apart. A panel has no gaps.
struct Depth {
    Size count, segments, stride;
    UNSPOOL_INLINE Size total() const { return count * segments; }
};

UNSPOOL_INLINE Depth depth_of(Size count, Size segments, Size stride) {
    return count == stride ? Depth{count * segments, 1, count * segments} : Depth{count, segments, stride};
}

template <int V>
UNSPOOL_INLINE Size tiles_of(Size rows) {
    return (rows + MOST_ROWS<V> - 1) / MOST_ROWS<V>;
}

// Calls `work` for tiles of about equal height, since low ones leave the multipliers idle: with the height as a constant, the tile's number and its first of
// `count` rows. The higher ones come first, so that there are two loops, each of tiles that are alike.
template <int V, class Work>
UNSPOOL_INLINE void in_tiles(Size count, Work work) {
    if (count == 0) return;
    const Size tiles = tiles_of<V>(count), low = count / tiles, higher = count - low * tiles;
    const auto run = [&](Size height, Size first, Size last, Size row) {
        if (first == last) return;
        with_rows<V>(static_cast<int>(height), [&](auto rows) {
            for (Size tile = first; tile < last; ++tile, row += rows()) work(rows, tile, row);
        });
    };
    run(low + 1, 0, higher, 0);
    run(low, higher, tiles, higher * (low + 1));
}

// to = from + a * panel for `count` rows.
template <int V, class Source>
UNSPOOL_INLINE void product(const Source& a, Size count, const float* panel, Depth depth, bool far, Starts from, Results to) {
    const Size block = tiles_of<V>(count) > 1 ? DEPTH<V> : depth.count; // one tile reads the panel once, wherever it is
    for (Size segment = 0; segment < depth.segments; ++segment)
        for (Size k = 0; k < depth.count; k += block) {
            const Size deep = depth.count - k < block ? depth.count - k : block;
            in_tiles<V>(count, [&](auto rows, Size tile, Size r) {
                const auto pass = asks<V>(far, tile) ? rows_times_panel<rows(), V, true, Source> : rows_times_panel<rows(), V, false, Source>;
                pass(a, r, segment * depth.stride + k, panel, ahead_of<V>(panel, deep, tile), deep, from.down(r), to.down(r));
            });
            panel += deep * V * LANES;
            from = {to.at, to.row, to.vec};
        }
    if (depth.total() == 0) copy_tile<V>(count, from, to);
}

template <int R, int V, class Source>
__attribute__((noinline)) void rows_times_rows(const Source& a, Size r, Size k, const float* const* panel, Size at, Size depth, const Starts& from,
                                               const Results& to) {
    if (depth < 1) __builtin_unreachable(); // as above
    Rows<R> rows;
    for (int i = 0; i < R; ++i) rows.row[i] = a[r + i] + k;
    multiply_rows<R, V>(rows, panel + k, at, depth, from, to);
}

// As `product`, where what belongs to each depth stands at `at` in a row of `panel`.
template <int V, class Source>
UNSPOOL_INLINE void product_with_rows(const Source& a, Size count, const float* const* panel, Size at, Size depth, Starts from, Results to) {
    if (depth == 0) copy_tile<V>(count, from, to);
    for (Size k = 0; k < depth; k += DEPTH<V>) {
        const Size deep = depth - k < DEPTH<V> ? depth - k : DEPTH<V>;
        in_tiles<V>(count, [&](auto rows, Size, Size r) { rows_times_rows<rows(), V>(a, r, k, panel, at, deep, from.down(r), to.down(r)); });
        from = {to.at, to.row, to.vec};
    }
}

template <int R, int P, int I, int F, int S, bool ASKS>
__attribute__((noinline)) void rows_times_panels(const Pointers& x, const float* x_panel, Size x_depth, const Strided& h, const float* h_panel,
                                                 Size h_depth, Size r, Size tile, const Starts& from, const Results& to) {
    Rows<R> x_rows, h_rows;
    for (int i = 0; i < R; ++i) x_rows.row[i] = x[r + i], h_rows.row[i] = h[r + i];
    multiply_both<R, P, I, F, S, ASKS>(x_rows, x_panel, ahead_of<I>(x_panel, x_depth, tile), x_depth, h_rows, h_panel, ahead_of<S>(h_panel, h_depth, tile),
                                 h_depth, from, to);
}

// to = from + x * x_panel + h * h_panel, as `multiply_both` has it.
template <int P, int I, int F, int S>
UNSPOOL_INLINE void product_of_both(const Pointers& x, const float* x_panel, Size x_depth, const Strided& h, const float* h_panel, Size h_depth, bool far,
                                    Size count, Starts from, Results to) {
    in_tiles<P>(count, [&](auto rows, Size tile, Size r) {
        const auto pass = asks<P>(far, tile) ? rows_times_panels<rows(), P, I, F, S, true> : rows_times_panels<rows(), P, I, F, S, false>;
        pass(x, x_panel, x_depth, h, h_panel, h_depth, r, tile, from.down(r), to.down(r));
    });
}

// Panels that one row passes over at once: enough sums under way to hide the latency of a multiplication, and no more streams from memory than that.
template <int V>
inline constexpr int ACROSS = 8 / V;

template <int P, int V>
__attribute__((noinline)) void row_times_panels(const float* row, const float* panels, const Depth& depth, const Starts& from, const Results& to) {
    multiply_across<P, V>(row, panels, depth.count, depth.segments, depth.stride, from, to);
}

// As `product`, for one row and `count` panels side by side; `from` and `to` have panels in place of rows.
template <int V>
UNSPOOL_INLINE void product_across(const float* row, Size count, const float* panels, Depth depth, Starts from, Results to) {
    for (Size p = 0; p < count; p += ACROSS<V>) {
        const Size left = count - p < ACROSS<V> ? count - p : ACROSS<V>;
        const Starts start{from.at + p * from.row, from.row, from.vec};
        const Results result{to.at + p * to.row, to.row, to.vec};
        const float* panel = panels + p * V * LANES * depth.total();
        switch (left) {
            case 1: row_times_panels<1, V>(row, panel, depth, start, result); break;
            case 2: row_times_panels<2, V>(row, panel, depth, start, result); break;
            case 3: row_times_panels<3, V>(row, panel, depth, start, result); break;
            case 4: if constexpr (ACROSS<V> > 3) row_times_panels<4, V>(row, panel, depth, start, result); break;
            case 5: if constexpr (ACROSS<V> > 4) row_times_panels<5, V>(row, panel, depth, start, result); break;
            case 6: if constexpr (ACROSS<V> > 5) row_times_panels<6, V>(row, panel, depth, start, result); break;
            case 7: if constexpr (ACROSS<V> > 6) row_times_panels<7, V>(row, panel, depth, start, result); break;
            case 8: if constexpr (ACROSS<V> > 7) row_times_panels<8, V>(row, panel, depth, start, result); break;
            default: break;
        }
    }
}

// Vectors in a panel of a plain matrix: side by side over its columns, the last one as narrow as it can be.
inline constexpr int WIDE = SUMS > 12 ? 4 : 3;

UNSPOOL_INLINE Size vectors_of(Size columns) { return up(columns, LANES) / LANES; }

// Calls `work` with a constant in place of `vectors`, 1 to WIDE.
template <class Work>
UNSPOOL_INLINE void with_vectors(Size vectors, Work work) {
    switch (vectors) {
        case 1: return work(std::integral_constant<int, 1>{});
        case 2: return work(std::integral_constant<int, 2>{});
        case 3: return work(std::integral_constant<int, 3>{});
        default: if constexpr (WIDE > 3) work(std::integral_constant<int, 4>{});
    }
}

// Products with a plain matrix, vectors `first` to `last` of its columns, where a panel begins at `first`; rows of `to` are whole vectors.
template <class Source>
UNSPOOL_INLINE void product_with(const Source& a, Size count, const float* panels, Size first, Size last, Depth depth, bool far, Starts from,
                                 Results to) {
    if (count == 0) return;
    const Size whole = first + (last - first) / WIDE * WIDE;
    const auto start = [&](Size vector) { return Starts{from.at + vector * from.vec, from.row, from.vec}; };
    const auto result = [&](Size vector) { return Results{to.at + vector * to.vec, to.row, to.vec}; };
    const auto panel = [&](Size vector) { return panels + vector * LANES * depth.total(); };
    if (count == 1) {
        const Starts starts{from.at + first * from.vec, WIDE * from.vec, from.vec};
        const Results results{to.at + first * to.vec, WIDE * to.vec, to.vec};
        product_across<WIDE>(a[0], (whole - first) / WIDE, panel(first), depth, starts, results);
    } else {
        for (Size vector = first; vector < whole; vector += WIDE) product<WIDE>(a, count, panel(vector), depth, far, start(vector), result(vector));
    }
    if (last == whole) return;
    with_vectors(last - whole, [&](auto vectors) { product<vectors()>(a, count, panel(whole), depth, far, start(whole), result(whole)); });
}

// One row of a plain panel: `columns` floats from `row`, the rest of `width` zero.
UNSPOOL_INLINE void copy_row(float* to, const float* row, Size columns, Size width) {
    Size c = 0;
    for (; c + LANES <= columns; c += LANES) store(to + c, load(row + c));
    if (c < width) {
        store(to + c, load_first(row + c, static_cast<int>(columns - c)));
        for (c += LANES; c < width; c += LANES) store(to + c, Vec{});
    }
}

} // namespace unspool::UNSPOOL_ISA
