// Functions of one number, vector by vector; unlike those of the gates they are right at the extremes too.
#pragma once

#include <math.h>

#include "simd.hpp"

namespace unspool::UNSPOOL_ISA {

UNSPOOL_INLINE Vec power_of_two(Ints exponent) { return from_bits((exponent + 127) << 23); }

// Within 2 ulp, infinite above 88.7, through the subnormal numbers to zero below -87.3; NaN stays NaN.
UNSPOOL_INLINE Vec exp_everywhere(Vec x) {
    x = select(x > 89.0f, splat(89.0f), x);
    x = select(x < -104.0f, splat(-104.0f), x);
    const Vec magic = splat(12582912.0f); // as in `exponential`
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
    const Ints whole = bits(shifted) - bits(magic), half = whole >> 1; // two factors, since 2^n may be out of range where p 2^n is not
    return p * power_of_two(half) * power_of_two(whole - half);
}

UNSPOOL_INLINE Vec sigmoid_everywhere(Vec x) { return 1.0f / (1.0f + exp_everywhere(-x)); }

UNSPOOL_INLINE Vec absolute(Vec x) { return from_bits(bits(x) & INT32_MAX); }

// NaN where either is.
UNSPOOL_INLINE Vec larger(Vec x, Vec y) { return select((x >= y) | (x != x), x, y); }
UNSPOOL_INLINE Vec smaller(Vec x, Vec y) { return select((x <= y) | (x != x), x, y); }

template <class F>
UNSPOOL_INLINE Vec each(Vec x, F f) {
    for (int l = 0; l < LANES; ++l) x[l] = f(x[l]);
    return x;
}

template <class F>
UNSPOOL_INLINE Vec each(Vec x, Vec y, F f) {
    for (int l = 0; l < LANES; ++l) x[l] = f(x[l], y[l]);
    return x;
}

UNSPOOL_INLINE float log_sigmoid(float x) { return fminf(x, 0.0f) - log1pf(expf(-fabsf(x))); }

// log(1 + exp(beta x)) / beta, and x itself beyond the threshold.
UNSPOOL_INLINE float softplus(float x, float beta, float threshold) {
    const float scaled = x * beta;
    if (scaled > threshold) return x;
    return (fmaxf(scaled, 0.0f) + log1pf(expf(-fabsf(scaled)))) / beta;
}

} // namespace unspool::UNSPOOL_ISA
