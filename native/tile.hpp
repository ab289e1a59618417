// The one inner loop: a few rows times a panel of a few vectors, all sums in registers.
#pragma once

#include <type_traits>

#include "simd.hpp"

namespace unspool::UNSPOOL_ISA {

// Rows of an operand, each contiguous along the depth.
template <int R>
struct Rows {
    const float* row[R];
    UNSPOOL_INLINE float at(int r, std::ptrdiff_t k) const { return row[r][k]; }
};

// Floats in a line of the cache.
inline constexpr std::ptrdiff_t LINE = 16;

// Columns of an operand: R neighbours at each depth, of `STRIDE` that stand there.
template <int R, int STRIDE>
struct Columns {
    const float* first;
    UNSPOOL_INLINE float at(int r, std::ptrdiff_t k) const { return first[k * STRIDE + r]; }
};

// A block of results: rows `row` apart, vectors `vec` apart.
template <class T>
struct Block {
    T* at;
    std::ptrdiff_t row, vec;
    UNSPOOL_INLINE T* operator()(int r, int v) const { return at + r * row + v * vec; }
    UNSPOOL_INLINE Block down(std::ptrdiff_t rows) const { return {at + rows * row, row, vec}; }
};

using Results = Block<float>;
using Starts = Block<const float>;

// As a block, of rows that stand anywhere.
struct Scattered {
    float* const* rows;
    std::ptrdiff_t at, vec;
    UNSPOOL_INLINE float* operator()(int r, int v) const { return rows[r] + at + v * vec; }
    UNSPOOL_INLINE Scattered down(std::ptrdiff_t count) const { return {rows + count, at, vec}; }
};

// Sums that fit the registers beside their operands: 16 of them on x86 before AVX-512, 32 else; and how many depths stand in one turn of the loop, which
// matters where a turn is short.
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int SUMS = 24, AT_ONCE = 1;
#else
inline constexpr int SUMS = 12, AT_ONCE = 4;
#endif

template <int V>
inline constexpr int MOST_ROWS = SUMS / V < 8 ? SUMS / V : 8;

// Asks for a line of the cache that is read soon, by the second level.
UNSPOOL_INLINE void ask_for(const float* line) { __builtin_prefetch(line, 0, 2); }

// Asks for a line of the cache that is written soon.
UNSPOOL_INLINE void ask_to_write(const float* line) { __builtin_prefetch(line, 1, 3); }

// sum[r][F + v] += a(r, k) * panel[v] for R rows and V vectors. The fewer of the two kinds of operands are held while the others come one by one: of 16
// registers 12 have sums, and a compiler left to itself reads an operand from memory again for every sum.
template <int V, int F = 0, int R, int P, class Operand>
UNSPOOL_INLINE void add_products(Vec (&sum)[R][P], const Operand& a, std::ptrdiff_t k, const float* panel) {
    if constexpr (R < V) {
        Vec x[R];
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) x[r] = in_register(splat(a.at(r, k)));
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) {
            const Vec b = in_register(load(panel + v * LANES));
#pragma GCC unroll 16
            for (int r = 0; r < R; ++r) sum[r][F + v] += x[r] * b;
        }
    } else {
        Vec b[V];
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) b[v] = in_register(load(panel + v * LANES));
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            const Vec x = in_register(splat(a.at(r, k)));
#pragma GCC unroll 8
            for (int v = 0; v < V; ++v) sum[r][F + v] += x * b[v];
        }
    }
}

template <int R, int V, class From>
UNSPOOL_INLINE void begin(Vec (&sum)[R][V], const From& from) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) sum[r][v] = load(from(r, v));
}

template <int R, int V, class To>
UNSPOOL_INLINE void write(const Vec (&sum)[R][V], const To& to) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) store(to(r, v), sum[r][v]);
}

// to(r, v) = from(r, v) + sum over k of a(r, k) * panel[k][v], for R rows and V vectors.
// Every sum runs over k in order, whatever R is: a row's result does not depend on its neighbours.
// ahead  where it `ASKS`, what is asked for meanwhile, a line at each k
template <int R, int V, bool ASKS, class Operand, class From, class To>
UNSPOOL_INLINE void multiply(const Operand a, const float* panel, const float* ahead, std::ptrdiff_t depth, const From from, const To to) {
    Vec sum[R][V];
    begin(sum, from);
#pragma GCC unroll AT_ONCE
    for (std::ptrdiff_t k = 0; k < depth; ++k, panel += V * LANES) {
        if constexpr (ASKS) ask_for(ahead + k * LINE);
        add_products<V>(sum, a, k, panel);
    }
    write(sum, to);
}

// As `multiply`, where what belongs to each depth stands anywhere: at `at` in a row of `panel`.
template <int R, int V, class Operand, class From, class To>
UNSPOOL_INLINE void multiply_rows(const Operand a, const float* const* panel, std::ptrdiff_t at, std::ptrdiff_t depth, const From from, const To to) {
    Vec sum[R][V];
    begin(sum, from);
#pragma GCC unroll AT_ONCE
    for (std::ptrdiff_t k = 0; k < depth; ++k) add_products<V>(sum, a, k, panel[k] + at);
    write(sum, to);
}

// As `multiply`, for one row and P panels side by side; `from` and `to` have panels in place of rows. The row has `segments` runs of `depth` floats.
template <int P, int V>
UNSPOOL_INLINE void multiply_across(const float* x, const float* panels, std::ptrdiff_t depth, std::ptrdiff_t segments, std::ptrdiff_t stride,
                                    const Starts from, const Results to) {
    const std::ptrdiff_t panel = V * LANES * depth * segments;
    Vec sum[P][V];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) sum[p][v] = load(from(p, v));
    for (std::ptrdiff_t segment = 0; segment < segments; ++segment, x += stride)
        for (std::ptrdiff_t k = 0; k < depth; ++k, panels += V * LANES) {
            const Vec xk = splat(x[k]);
#pragma GCC unroll 16
            for (int p = 0; p < P; ++p)
#pragma GCC unroll 8
                for (int v = 0; v < V; ++v) sum[p][v] += xk * load(panels + p * panel + v * LANES);
        }
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) store(to(p, v), sum[p][v]);
}

// As `multiply`, for sums of two products: of P planes, the first `I` have one with `x`, and S from plane F on have one with `h`.
template <int R, int P, int I, int F, int S, bool ASKS, class X, class H>
UNSPOOL_INLINE void multiply_both(const X x, const float* x_panel, const float* x_ahead, std::ptrdiff_t x_depth, const H h, const float* h_panel,
                                  const float* h_ahead, std::ptrdiff_t h_depth, const Starts from, const Results to) {
    Vec sum[R][P];
    begin(sum, from);
#pragma GCC unroll AT_ONCE
    for (std::ptrdiff_t k = 0; k < x_depth; ++k, x_panel += I * LANES) {
        if constexpr (ASKS) ask_for(x_ahead + k * LINE);
        add_products<I>(sum, x, k, x_panel);
    }
#pragma GCC unroll AT_ONCE
    for (std::ptrdiff_t k = 0; k < h_depth; ++k, h_panel += S * LANES) {
        if constexpr (ASKS) ask_for(h_ahead + k * LINE);
        add_products<S, F>(sum, h, k, h_panel);
    }
    write(sum, to);
}

template <int V>
UNSPOOL_INLINE void copy_tile(std::ptrdiff_t rows, const Starts from, const Results to) {
    for (std::ptrdiff_t r = 0; r < rows; ++r)
        for (int v = 0; v < V; ++v) store(to.at + r * to.row + v * to.vec, load(from.at + r * from.row + v * from.vec));
}

} // namespace unspool::UNSPOOL_ISA
