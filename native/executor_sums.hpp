// Operations on rows of numbers: sums, softmax, layer norm, products of matrices that are both computed.
#pragma once

#include <math.h>

#include "executor_numbers.hpp"
#include "executor_walk.hpp"

namespace unspool::UNSPOOL_ISA {

using executor::Code;

// All rows that an operand has for the streams of a frame.
template <class T>
struct RowsOf {
    T* first;
    Count stride, count;
    UNSPOOL_INLINE T* operator[](Count row) const { return first + row * stride; }
};

// `rows` of `width` elements a stream; several stand one after the other, with no room between streams.
template <class T>
UNSPOOL_INLINE RowsOf<T> rows_of(const Instruction& in, int operand, const Frame& frame, Count rows, Count width) {
    return {of_stream<T>(in, operand, frame, frame.first), rows == 1 ? in.operands[operand].stream : width, rows * (frame.last - frame.first)};
}

template <class F>
UNSPOOL_INLINE float sum_of(Count count, F part) {
    Vec total{};
    for (Count i = 0; i < count; i += LANES) total += part(i, static_cast<int>(count - i < LANES ? count - i : LANES));
    return added(total);
}

// Lanes beyond `count` are zero.
UNSPOOL_INLINE Vec only(Vec v, int count) {
    for (int l = count; l < LANES; ++l) v[l] = 0;
    return v;
}

UNSPOOL_INLINE float sum_row(const float* x, Count count) {
    return sum_of(count, [&](Count i, int n) { return some(x + i, n); });
}

UNSPOOL_INLINE float largest(const float* x, Count count) {
    float best = x[0];
    for (Count i = 1; i < count; ++i) best = (x[i] <= best) || (best != best) ? best : x[i];
    return best;
}

UNSPOOL_INLINE float smallest(const float* x, Count count) {
    float best = x[0];
    for (Count i = 1; i < count; ++i) best = (x[i] >= best) || (best != best) ? best : x[i];
    return best;
}

// Instruction by shape {rows, count}: one number a row.
inline void run_reduction(const Instruction& in, const Frame& frame) {
    const Count count = in.shape[1];
    const RowsOf<float> to = rows_of<float>(in, 0, frame, in.shape[0], 1), x = rows_of<float>(in, 1, frame, in.shape[0], count);
    for (Count row = 0; row < x.count; ++row) switch (in.code) {
        case Code::amax: *to[row] = largest(x[row], count); break;
        case Code::amin: *to[row] = smallest(x[row], count); break;
        case Code::mean: *to[row] = sum_row(x[row], count) / static_cast<float>(count); break;
        default: *to[row] = sum_row(x[row], count); break;
    }
}

UNSPOOL_INLINE void running_sum(float* to, const float* x, Count count) {
    float total = 0;
    for (Count i = 0; i < count; ++i) to[i] = i ? total += x[i] : total = x[i];
}

// Writes e^(x - largest), and returns their sum.
UNSPOOL_INLINE float exponentials(float* to, const float* x, Count count, float most) {
    return sum_of(count, [&](Count i, int n) {
        const Vec power = exp_everywhere(some(x + i, n) - most);
        put(to + i, power, n);
        return only(power, n);
    });
}

template <class F>
UNSPOOL_INLINE void each_vector(float* to, const float* x, Count count, F f) {
    for (Count i = 0; i < count; i += LANES) {
        const int n = static_cast<int>(count - i < LANES ? count - i : LANES);
        put(to + i, f(some(x + i, n), i, n), n);
    }
}

// As many numbers as there were, by shape {rows, count}.
inline void run_along(const Instruction& in, const Frame& frame) {
    const Count count = in.shape[1];
    const RowsOf<float> to = rows_of<float>(in, 0, frame, in.shape[0], count), x = rows_of<float>(in, 1, frame, in.shape[0], count);
    for (Count row = 0; row < x.count; ++row) {
        if (in.code == Code::cumsum) {
            running_sum(to[row], x[row], count);
            continue;
        }
        const float most = largest(x[row], count), total = exponentials(to[row], x[row], count, most);
        if (in.code == Code::softmax) each_vector(to[row], to[row], count, [&](Vec v, Count, int) { return v / total; });
        else {
            const float size = logf(total);
            each_vector(to[row], x[row], count, [&](Vec v, Count, int) { return (v - most) - size; });
        }
    }
}

// Shape {rows, count}, numbers {epsilon}, weights {scale or null, shift or null}.
inline void run_layer_norm(const Instruction& in, const Frame& frame) {
    const Count count = in.shape[1];
    const float *scale = in.weights[0], *shift = in.weights[1];
    const RowsOf<float> to = rows_of<float>(in, 0, frame, in.shape[0], count), x = rows_of<float>(in, 1, frame, in.shape[0], count);
    for (Count row = 0; row < x.count; ++row) {
        const float mean = sum_row(x[row], count) / static_cast<float>(count);
        const float squares = sum_of(count, [&](Count i, int n) {
            const Vec away = only(some(x[row] + i, n) - mean, n);
            return away * away;
        });
        const float size = sqrtf(squares / static_cast<float>(count) + in.numbers[0]);
        each_vector(to[row], x[row], count, [&](Vec v, Count i, int n) {
            Vec y = (v - mean) / size;
            if (scale) y = y * some(scale + i, n);
            if (shift) y = y + some(shift + i, n);
            return y;
        });
    }
}

// The products of one place: (n, k) by (k, m).
UNSPOOL_INLINE void multiply_place(float* to, const float* left, const float* right, const Count* shape) {
    const Count high = shape[0], deep = shape[1], wide = shape[2], left_row = shape[3], left_step = shape[4], right_row = shape[5];
    for (Count i = 0; i < high; ++i)
        for (Count j = 0; j < wide; j += LANES) {
            const int n = static_cast<int>(wide - j < LANES ? wide - j : LANES);
            Vec total{};
            for (Count k = 0; k < deep; ++k) total += splat(left[i * left_row + k * left_step]) * some(right + k * right_row + j, n);
            put(to + i * wide + j, total, n);
        }
}

// Shape {n, k, m, row of the left, step of the left, row of the right} for each place of the axes; the numbers of the right one's rows stand side by
// side, as do the result's.
inline void run_matmul(const Instruction& in, const Frame& frame) {
    walk<3>(in, frame, [&](const Runs<3>& runs) {
        for (Count place = 0; place < runs.length; ++place)
            multiply_place(runs.of<float>(0) + place * runs.stride[0], runs.of<float>(1) + place * runs.stride[1],
                           runs.of<float>(2) + place * runs.stride[2], in.shape);
    });
}

} // namespace unspool::UNSPOOL_ISA
