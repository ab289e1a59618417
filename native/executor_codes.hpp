// Codes to rows of numbers. Codes come from outside, so each is checked before anything is read with it.
#pragma once

#include "executor_sums.hpp"

namespace unspool::UNSPOOL_ISA {

// False, with the range of all codes noted, where one is not from 0 to `size` - 1.
UNSPOOL_INLINE bool known(const RowsOf<std::int64_t>& codes, Count each, Count size, const Frame& frame) {
    std::int64_t least = INT64_MAX, most = INT64_MIN;
    for (Count row = 0; row < codes.count; ++row)
        for (Count i = 0; i < each; ++i) {
            const std::int64_t code = codes[row][i];
            least = code < least ? code : least;
            most = code > most ? code : most;
        }
    if (least > most || (least >= 0 && most < size)) return true;
    *frame.misfit = {least, most, size};
    return false;
}

// Operands: result, codes, table. Shape {codes a stream, rows of the table, width}.
inline bool run_embedding(const Instruction& in, const Frame& frame) {
    const Count each = in.shape[0], size = in.shape[1], width = in.shape[2];
    const Operand& read = in.operands[1];
    const RowsOf<std::int64_t> codes{of_stream<std::int64_t>(in, 1, frame, frame.first), read.stream, frame.last - frame.first};
    if (!known(codes, each, size, frame)) return false;
    const float* table = of_stream<const float>(in, 2, frame, 0);
    for (Count row = 0; row < codes.count; ++row) {
        float* to = of_stream<float>(in, 0, frame, frame.first + row);
        for (Count i = 0; i < each; ++i) std::memcpy(to + i * width, table + codes[row][i] * width, width * sizeof(float));
    }
    return true;
}

// Operands: result, codes. Shape {codes a stream, size}.
inline bool run_one_hot(const Instruction& in, const Frame& frame) {
    const Count each = in.shape[0], size = in.shape[1];
    const RowsOf<std::int64_t> codes{of_stream<std::int64_t>(in, 1, frame, frame.first), in.operands[1].stream, frame.last - frame.first};
    if (!known(codes, each, size, frame)) return false;
    for (Count row = 0; row < codes.count; ++row) {
        std::int64_t* to = of_stream<std::int64_t>(in, 0, frame, frame.first + row);
        std::memset(to, 0, each * size * sizeof *to);
        for (Count i = 0; i < each; ++i) to[i * size + codes[row][i]] = 1;
    }
    return true;
}

} // namespace unspool::UNSPOOL_ISA
