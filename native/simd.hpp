// Vectors of floats as the compiler's own vector types: one source for every instruction set. The lanes follow from the flags of the translation
// unit, and so does the namespace, so that no function of one instruction set is ever linked into another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "inline.hpp"

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

UNSPOOL_INLINE void store(float* to, Vec v) { std::memcpy(to, &v, sizeof v); }

// The first `count` lanes, 0 to LANES; the others are zero.
UNSPOOL_INLINE Vec load_first(const float* from, int count) {
    Vec v{};
    std::memcpy(&v, from, count * sizeof(float));
    return v;
}

UNSPOOL_INLINE void store_first(float* to, Vec v, int count) { std::memcpy(to, &v, count * sizeof(float)); }

UNSPOOL_INLINE Vec select(Ints where, Vec chosen, Vec other) { return where ? chosen : other; }

UNSPOOL_INLINE Ints bits(Vec v) { return reinterpret_cast<Ints>(v); }

UNSPOOL_INLINE Vec from_bits(Ints i) { return reinterpret_cast<Vec>(i); }

// e^x within 2 ulp for x in [-87.3, 88.3], where it saturates; NaN stays NaN. Range reduction and polynomial of Cephes' expf (Moshier).
UNSPOOL_INLINE Vec exp(Vec x) {
    x = select(x > 88.3762626f, splat(88.3762626f), x);
    x = select(x < -87.3365448f, splat(-87.3365448f), x);
    const Vec magic = splat(12582912.0f); // 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits
    const Vec shifted = x * 1.44269504f + magic;
    const Vec n = shifted - magic;
    const Vec r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    Vec p = splat(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + (r + 1.0f);
    return from_bits(bits(p) + (bits(shifted) << 23));
}

UNSPOOL_INLINE Vec sigmoid(Vec x) { return 1.0f / (1.0f + exp(-x)); }

// Within 2 ulp: an odd polynomial near zero (Cephes' tanhf), 1 - 2 / (e^2|x| + 1) elsewhere.
UNSPOOL_INLINE Vec tanh(Vec x) {
    const Ints sign = bits(x) & INT32_MIN;
    const Vec size = from_bits(bits(x) ^ sign);
    const Vec far = 1.0f - 2.0f / (exp(size + size) + 1.0f);
    const Vec z = x * x;
    Vec p = splat(-5.70498872745e-3f);
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    const Vec near = (p * z) * x + x;
    return select(size < 0.625f, near, from_bits(bits(far) | sign));
}

} // namespace unspool::UNSPOOL_ISA
