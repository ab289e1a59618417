// Going over the operands of an instruction: streams, then axes, then a run of elements along the last axis.
#pragma once

#include "executor_plan.hpp"
#include "simd.hpp"

namespace unspool::UNSPOOL_ISA {

using executor::Count;
using executor::Frame;
using executor::Instruction;
using executor::Operand;

UNSPOOL_INLINE char* first_of(const Operand& operand, const Frame& frame, Count stream) {
    return frame.bases[operand.buffer] + (operand.start + stream * operand.stream) * executor::bytes_of(operand.element);
}

template <class T>
UNSPOOL_INLINE T* of_stream(const Instruction& instruction, int operand, const Frame& frame, Count stream) {
    return reinterpret_cast<T*>(first_of(instruction.operands[operand], frame, stream));
}

// One run of each of N operands: `length` elements, `stride` elements apart.
template <int N>
struct Runs {
    char* at[N];
    Count stride[N];
    Count length;
    template <class T>
    UNSPOOL_INLINE T* of(int operand) const {
        return reinterpret_cast<T*>(at[operand]);
    }
};

// Calls `work` for every run of one stream: an odometer over all axes but the last.
template <int N, class Work>
UNSPOOL_INLINE void walk_stream(const Instruction& instruction, Runs<N>& runs, Work work) {
    const int axes = instruction.axes - 1;
    Count place[executor::MOST_AXES] = {};
    while (true) {
        work(runs);
        int axis = axes - 1;
        for (; axis >= 0; --axis) {
            const Count size = instruction.sizes[axis];
            const bool ends = ++place[axis] == size;
            for (int i = 0; i < N; ++i) {
                const Operand& operand = instruction.operands[i];
                runs.at[i] += operand.strides[axis] * executor::bytes_of(operand.element) * (ends ? 1 - size : 1);
            }
            if (!ends) break;
            place[axis] = 0;
        }
        if (axis < 0) return;
    }
}

template <int N, class Work>
UNSPOOL_INLINE void walk(const Instruction& instruction, const Frame& frame, Work work) {
    Runs<N> runs;
    const int last = instruction.axes - 1;
    for (int i = 0; i < N; ++i) runs.stride[i] = instruction.operands[i].strides[last];
    if (instruction.flat) {
        for (int i = 0; i < N; ++i) runs.at[i] = first_of(instruction.operands[i], frame, frame.first);
        runs.length = (frame.last - frame.first) * instruction.total;
        return work(runs);
    }
    runs.length = instruction.sizes[last];
    for (Count stream = frame.first; stream < frame.last; ++stream) {
        for (int i = 0; i < N; ++i) runs.at[i] = first_of(instruction.operands[i], frame, stream);
        walk_stream(instruction, runs, work);
    }
}

} // namespace unspool::UNSPOOL_ISA
