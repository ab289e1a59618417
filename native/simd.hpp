// Vectors of floats as the compiler's own vector types: one source for every instruction set. The lanes follow from the flags of the translation
// unit, and so does the namespace, so that no function of one instruction set is ever linked into another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "inline.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#ifndef UNSPOOL_ISA
#error "compile with -DUNSPOOL_ISA=<name of the instruction set>"
#endif

namespace unspool::UNSPOOL_ISA {

#if defined(__AVX512F__)
inline constexpr int LANES = 16;
#elif defined(__AVX__)
inline constexpr int LANES = 8;
#else
inline constexpr int LANES = 4;
#endif

using Vec = float __attribute__((vector_size(LANES * sizeof(float))));
using Ints = std::int32_t __attribute__((vector_size(LANES * sizeof(float))));

// Minus zero, unlike plus, the compiler knows to change nothing.
UNSPOOL_INLINE Vec splat(float value) { return value - Vec{}; }

UNSPOOL_INLINE Vec load(const float* from) {
    Vec v;
    std::memcpy(&v, from, sizeof v);
    return v;
}

// A value that the compiler holds in a register, and neither reads nor works out again.
UNSPOOL_INLINE Vec in_register(Vec v) {
#if defined(__x86_64__)
    asm("" : "+v"(v));
#elif defined(__aarch64__)
    asm("" : "+w"(v));
#endif
    return v;
}

UNSPOOL_INLINE void store(float* to, Vec v) { std::memcpy(to, &v, sizeof v); }

// The first `count` lanes, 0 to LANES; the others are zero.
UNSPOOL_INLINE Vec load_first(const float* from, int count) {
    Vec v{};
    std::memcpy(&v, from, count * sizeof(float));
    return v;
}

UNSPOOL_INLINE void store_first(float* to, Vec v, int count) { std::memcpy(to, &v, count * sizeof(float)); }

// Likewise, where it is mostly all of them.
UNSPOOL_INLINE Vec some(const float* from, int lanes) { return lanes == LANES ? load(from) : load_first(from, lanes); }

UNSPOOL_INLINE void put(float* to, Vec v, int lanes) { lanes == LANES ? store(to, v) : store_first(to, v, lanes); }

UNSPOOL_INLINE Vec select(Ints where, Vec chosen, Vec other) { return where ? chosen : other; }

// Lanes from `count` on are `rest`.
UNSPOOL_INLINE Vec first_lanes(Vec v, int count, float rest = 0) {
    Ints lane;
    for (int l = 0; l < LANES; ++l) lane[l] = l;
    return select(lane < count, v, splat(rest));
}

UNSPOOL_INLINE Ints bits(Vec v) { return reinterpret_cast<Ints>(v); }

UNSPOOL_INLINE Vec from_bits(Ints i) { return reinterpret_cast<Vec>(i); }

// The smaller of `x` and a limit, the larger; NaN stays NaN.
UNSPOOL_INLINE Vec at_most(Vec x, float limit) {
#if defined(__AVX512F__)
    return _mm512_min_ps(splat(limit), x);
#elif defined(__AVX__)
    return _mm256_min_ps(splat(limit), x);
#else
    return select(x > limit, splat(limit), x);
#endif
}

UNSPOOL_INLINE Vec at_least(Vec x, Vec limit) {
#if defined(__AVX512F__)
    return _mm512_max_ps(limit, x);
#elif defined(__AVX__)
    return _mm256_max_ps(limit, x);
#else
    return select(x < limit, limit, x);
#endif
}

UNSPOOL_INLINE Vec at_least(Vec x, float limit) { return at_least(x, splat(limit)); }

// 1 / x within 1 ulp for x in [1, 1e34].
UNSPOOL_INLINE Vec reciprocal(Vec x) {
#if defined(__AVX512F__)
    const Vec guess = _mm512_rcp14_ps(x); // a step of Newton's from here costs a third of a division
    return guess + guess * (1.0f - x * guess);
#else
    return 1.0f / x;
#endif
}

// a / b for b as for `reciprocal`; 1 where they are equal, which a product with a reciprocal need not be.
UNSPOOL_INLINE Vec quotient(Vec a, Vec b) {
#if defined(__AVX512F__)
    const Vec inverse = reciprocal(b), guess = a * inverse;
    return guess + inverse * (a - guess * b);
#else
    return a / b;
#endif
}

// e^x = scale * (1 + more), scale a power of two, for x in [-87, 88].
struct Exponential {
    Vec scale, more;
};

// Cody and Waite's reduction; e^r - 1 = r + r^2 p(r) with p the minimax polynomial on |r| < ln 2 / 2, 2e-8 off at most.
UNSPOOL_INLINE Exponential exponential(Vec x) {
    const Vec magic = splat(12582912.0f); // 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits
    const Vec shifted = x * 1.44269504f + magic;
    const Vec n = shifted - magic;
    const Vec r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    Vec p = splat(1.39411241275e-3f);
    p = p * r + 8.36318123454e-3f;
    p = p * r + 4.16663751323e-2f;
    p = p * r + 1.66665769700e-1f;
    p = p * r + 5.00000002695e-1f;
    return {from_bits((bits(shifted) << 23) + 0x3f800000), p * (r * r) + r};
}

// e^x within 2 ulp for x in [-87, 88], where it saturates; NaN stays NaN.
UNSPOOL_INLINE Vec exp(Vec x) {
    const Exponential e = exponential(at_least(at_most(x, 88.0f), -87.0f));
    return e.scale + e.scale * e.more;
}

// Gates saturate here, where the reciprocal and what corrects it are still normal numbers.
UNSPOOL_INLINE Vec saturating(Vec x) { return at_least(at_most(x, 76.0f), -76.0f); }

UNSPOOL_INLINE Vec sigmoid(Vec x) {
    const Exponential e = exponential(saturating(-x));
    return reciprocal((1.0f + e.scale) + e.scale * e.more);
}

// Within 3 ulp, and 1 where it saturates, so that no gradient is left there: e / (e + 2) with e = e^2x - 1, which loses nothing near zero.
UNSPOOL_INLINE Vec tanh(Vec x) {
    const Exponential e = exponential(saturating(x + x));
    const Vec less_one = e.scale * e.more + (e.scale - 1.0f);
    return quotient(less_one, less_one + 2.0f);
}

// Lanes FIRST, FIRST + 1 ... of `a` and of `b` in turn.
template <int FIRST>
UNSPOOL_INLINE Vec in_turn(Vec a, Vec b) {
    Ints lane;
    for (int i = 0; i < LANES; ++i) lane[i] = FIRST + i / 2 + i % 2 * LANES;
    return __builtin_shuffle(a, b, lane);
}

// Every lane with the one `distance` lanes away, for a tree over all of them.
UNSPOOL_INLINE Vec away(Vec v, int distance) {
    Ints lane;
    for (int l = 0; l < LANES; ++l) lane[l] = l ^ distance;
    return __builtin_shuffle(v, lane);
}

UNSPOOL_INLINE float added(Vec v) {
#pragma GCC unroll 4
    for (int distance = LANES / 2; distance; distance /= 2) v += away(v, distance);
    return v[0];
}

UNSPOOL_INLINE float most(Vec v) {
#pragma GCC unroll 4
    for (int distance = LANES / 2; distance; distance /= 2) v = at_least(away(v, distance), v);
    return v[0];
}

// Rows become columns: after each round the rows of both halves stand in turn, and after as many rounds as a lane's number has bits each is a column.
UNSPOOL_INLINE void transpose(Vec (&rows)[LANES]) {
    for (int round = 1; round < LANES; round *= 2) {
        Vec mixed[LANES];
#pragma GCC unroll 16
        for (int i = 0; i < LANES / 2; ++i) {
            mixed[2 * i] = in_turn<0>(rows[i], rows[i + LANES / 2]);
            mixed[2 * i + 1] = in_turn<LANES / 2>(rows[i], rows[i + LANES / 2]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < LANES; ++i) rows[i] = mixed[i];
    }
}

} // namespace unspool::UNSPOOL_ISA
