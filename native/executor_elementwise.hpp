// Operations number by number, with operands spread over the axes that they lack.
#pragma once

#include <math.h>

#include "executor_numbers.hpp"
#include "executor_walk.hpp"

namespace unspool::UNSPOOL_ISA {

using executor::Code;
using executor::Element;
using Whole = std::int64_t;
using Truth = std::uint8_t;

// `count` numbers, `stride` apart.
UNSPOOL_INLINE Vec take(const float* at, Count stride, int count) {
    if (stride == 0) return splat(*at);
    if (stride == 1) return load_first(at, count);
    Vec v{};
    for (int l = 0; l < count; ++l) v[l] = at[l * stride];
    return v;
}

// Whole vectors, then the rest as one too: a number's result does not depend on its place.
template <class F>
UNSPOOL_INLINE void map_vectors(const Runs<2>& runs, F f) {
    float* to = runs.of<float>(0);
    const float* x = runs.of<float>(1);
    const Count step = runs.stride[1], length = runs.length;
    Count i = 0;
    if (step == 1)
        for (; i + LANES <= length; i += LANES) store(to + i, f(load(x + i)));
    for (; i < length; i += LANES) {
        const int count = static_cast<int>(length - i < LANES ? length - i : LANES);
        store_first(to + i, f(take(x + i * step, step, count)), count);
    }
}

template <class F>
UNSPOOL_INLINE void map_vectors(const Runs<3>& runs, F f) {
    float* to = runs.of<float>(0);
    const float *x = runs.of<float>(1), *y = runs.of<float>(2);
    const Count xs = runs.stride[1], ys = runs.stride[2], length = runs.length;
    Count i = 0;
    if (xs == 1 && ys == 1)
        for (; i + LANES <= length; i += LANES) store(to + i, f(load(x + i), load(y + i)));
    for (; i < length; i += LANES) {
        const int count = static_cast<int>(length - i < LANES ? length - i : LANES);
        store_first(to + i, f(take(x + i * xs, xs, count), take(y + i * ys, ys, count)), count);
    }
}

template <int N, class F>
UNSPOOL_INLINE void vectors(const Instruction& instruction, const Frame& frame, F f) {
    walk<N>(instruction, frame, [&](const Runs<N>& runs) { map_vectors(runs, f); });
}

// The same for elements of any type, one at a time.
template <class To, class X, class F>
UNSPOOL_INLINE void scalars(const Instruction& instruction, const Frame& frame, F f) {
    walk<2>(instruction, frame, [&](const Runs<2>& runs) {
        for (Count i = 0; i < runs.length; ++i) runs.of<To>(0)[i * runs.stride[0]] = f(runs.of<X>(1)[i * runs.stride[1]]);
    });
}

template <class To, class X, class F>
UNSPOOL_INLINE void pairs(const Instruction& instruction, const Frame& frame, F f) {
    walk<3>(instruction, frame, [&](const Runs<3>& runs) {
        const Count xs = runs.stride[1], ys = runs.stride[2];
        for (Count i = 0; i < runs.length; ++i) runs.of<To>(0)[i * runs.stride[0]] = f(runs.of<X>(1)[i * xs], runs.of<X>(2)[i * ys]);
    });
}

// Whole numbers wrap around.
UNSPOOL_INLINE Whole wrapped(std::uint64_t x) { return static_cast<Whole>(x); }

inline void run_unary(const Instruction& in, const Frame& frame) {
    const auto lanes = [&](auto f) { vectors<2>(in, frame, [&](Vec x) { return each(x, f); }); };
    switch (in.code) {
        case Code::abs: return vectors<2>(in, frame, [](Vec x) { return absolute(x); });
        case Code::cos: return lanes([](float x) { return cosf(x); });
        case Code::erf: return lanes([](float x) { return erff(x); });
        case Code::exp: return vectors<2>(in, frame, [](Vec x) { return exp_everywhere(x); });
        case Code::log: return lanes([](float x) { return logf(x); });
        case Code::log1p: return lanes([](float x) { return log1pf(x); });
        case Code::log_sigmoid: return lanes([](float x) { return log_sigmoid(x); });
        case Code::neg:
            if (in.operands[0].element == Element::whole) return scalars<Whole, Whole>(in, frame, [](Whole x) { return wrapped(-static_cast<std::uint64_t>(x)); });
            return vectors<2>(in, frame, [](Vec x) { return -x; });
        case Code::relu: return vectors<2>(in, frame, [](Vec x) { return larger(x, Vec{}); });
        case Code::rsqrt: return lanes([](float x) { return 1.0f / sqrtf(x); });
        case Code::sigmoid: return vectors<2>(in, frame, [](Vec x) { return sigmoid_everywhere(x); });
        case Code::sin: return lanes([](float x) { return sinf(x); });
        case Code::softplus: {
            const float beta = in.numbers[0], threshold = in.numbers[1];
            return lanes([=](float x) { return softplus(x, beta, threshold); });
        }
        case Code::sqrt: return lanes([](float x) { return sqrtf(x); });
        case Code::tanh: return vectors<2>(in, frame, [](Vec x) { return tanh(x); });
        case Code::logical_not: return scalars<Truth, Truth>(in, frame, [](Truth x) { return static_cast<Truth>(!x); });
        default: return;
    }
}

inline void run_whole_arithmetic(const Instruction& in, const Frame& frame) {
    using U = std::uint64_t;
    switch (in.code) {
        case Code::add: return pairs<Whole, Whole>(in, frame, [](Whole x, Whole y) { return wrapped(static_cast<U>(x) + static_cast<U>(y)); });
        case Code::sub: return pairs<Whole, Whole>(in, frame, [](Whole x, Whole y) { return wrapped(static_cast<U>(x) - static_cast<U>(y)); });
        case Code::mul: return pairs<Whole, Whole>(in, frame, [](Whole x, Whole y) { return wrapped(static_cast<U>(x) * static_cast<U>(y)); });
        case Code::maximum: return pairs<Whole, Whole>(in, frame, [](Whole x, Whole y) { return x > y ? x : y; });
        case Code::minimum: return pairs<Whole, Whole>(in, frame, [](Whole x, Whole y) { return x < y ? x : y; });
        default: return;
    }
}

inline void run_arithmetic(const Instruction& in, const Frame& frame) {
    if (in.operands[0].element == Element::whole) return run_whole_arithmetic(in, frame);
    switch (in.code) {
        case Code::add: return vectors<3>(in, frame, [](Vec x, Vec y) { return x + y; });
        case Code::sub: return vectors<3>(in, frame, [](Vec x, Vec y) { return x - y; });
        case Code::mul: return vectors<3>(in, frame, [](Vec x, Vec y) { return x * y; });
        case Code::div: return vectors<3>(in, frame, [](Vec x, Vec y) { return x / y; });
        case Code::pow: return vectors<3>(in, frame, [](Vec x, Vec y) { return each(x, y, [](float a, float b) { return powf(a, b); }); });
        case Code::maximum: return vectors<3>(in, frame, [](Vec x, Vec y) { return larger(x, y); });
        case Code::minimum: return vectors<3>(in, frame, [](Vec x, Vec y) { return smaller(x, y); });
        default: return;
    }
}

template <class X>
void compare(const Instruction& in, const Frame& frame) {
    switch (in.code) {
        case Code::less: return pairs<Truth, X>(in, frame, [](X x, X y) { return static_cast<Truth>(x < y); });
        case Code::less_equal: return pairs<Truth, X>(in, frame, [](X x, X y) { return static_cast<Truth>(x <= y); });
        default: return pairs<Truth, X>(in, frame, [](X x, X y) { return static_cast<Truth>(x == y); });
    }
}

inline void run_comparison(const Instruction& in, const Frame& frame) {
    switch (in.code) {
        case Code::logical_and: return pairs<Truth, Truth>(in, frame, [](Truth x, Truth y) { return static_cast<Truth>(x && y); });
        case Code::logical_or: return pairs<Truth, Truth>(in, frame, [](Truth x, Truth y) { return static_cast<Truth>(x || y); });
        default: break;
    }
    switch (in.operands[1].element) {
        case Element::number: return compare<float>(in, frame);
        case Element::whole: return compare<Whole>(in, frame);
        case Element::truth: return compare<Truth>(in, frame);
    }
}

template <class X>
void choose(const Instruction& in, const Frame& frame) {
    walk<4>(in, frame, [](const Runs<4>& runs) {
        const Count cs = runs.stride[1], xs = runs.stride[2], ys = runs.stride[3];
        for (Count i = 0; i < runs.length; ++i)
            runs.of<X>(0)[i] = runs.of<Truth>(1)[i * cs] ? runs.of<X>(2)[i * xs] : runs.of<X>(3)[i * ys];
    });
}

inline void run_where(const Instruction& in, const Frame& frame) {
    switch (in.operands[0].element) {
        case Element::number: return choose<float>(in, frame);
        case Element::whole: return choose<Whole>(in, frame);
        case Element::truth: return choose<Truth>(in, frame);
    }
}

// What has no whole number becomes the least there is, as numpy has it on x86.
UNSPOOL_INLINE Whole whole_of(float x) {
    return x >= -9223372036854775808.0f && x < 9223372036854775808.0f ? static_cast<Whole>(x) : INT64_MIN;
}

UNSPOOL_INLINE Whole whole_of(Whole x) { return x; }
UNSPOOL_INLINE Whole whole_of(Truth x) { return x; }

template <class X>
void cast_from(const Instruction& in, const Frame& frame) {
    switch (in.operands[0].element) {
        case Element::number: return scalars<float, X>(in, frame, [](X x) { return static_cast<float>(x); });
        case Element::truth: return scalars<Truth, X>(in, frame, [](X x) { return static_cast<Truth>(x != 0); });
        case Element::whole: return scalars<Whole, X>(in, frame, [](X x) { return whole_of(x); });
    }
}

inline void run_cast(const Instruction& in, const Frame& frame) {
    switch (in.operands[1].element) {
        case Element::number: return cast_from<float>(in, frame);
        case Element::whole: return cast_from<Whole>(in, frame);
        case Element::truth: return cast_from<Truth>(in, frame);
    }
}

template <class X>
void copy(const Instruction& in, const Frame& frame) {
    walk<2>(in, frame, [](const Runs<2>& runs) {
        if (runs.stride[0] == 1 && runs.stride[1] == 1) {
            std::memcpy(runs.at[0], runs.at[1], runs.length * sizeof(X));
            return;
        }
        for (Count i = 0; i < runs.length; ++i) runs.of<X>(0)[i * runs.stride[0]] = runs.of<X>(1)[i * runs.stride[1]];
    });
}

inline void run_copy(const Instruction& in, const Frame& frame) {
    switch (in.operands[0].element) {
        case Element::number: return copy<float>(in, frame);
        case Element::whole: return copy<Whole>(in, frame);
        case Element::truth: return copy<Truth>(in, frame);
    }
}

} // namespace unspool::UNSPOOL_ISA
