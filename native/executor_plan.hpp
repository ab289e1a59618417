// A step program made ready to run, whatever the instruction set: instructions over buffers. Sizes in elements, and for one stream.
//
// Every value holds its streams one after the other, and no instruction mixes two of them: the part of a stream stands `stream` elements after
// that of the stream before or, of a constant, at the same place. Plain structs, so that code for an instruction set calls nothing shared.
#pragma once

#include <cstddef>
#include <cstdint>

#include "inline.hpp"

namespace unspool::executor {

using Count = std::ptrdiff_t;

enum class Element : std::uint8_t { number, whole, truth }; // float, std::int64_t, one byte of 0 or 1

UNSPOOL_INLINE constexpr Count bytes_of(Element element) { return element == Element::number ? 4 : element == Element::whole ? 8 : 1; }

inline constexpr int MOST_AXES = 64;

enum class Code : std::uint8_t {
    // one operand
    abs, cos, erf, exp, log, log1p, log_sigmoid, neg, relu, rsqrt, sigmoid, sin, softplus, sqrt, tanh, logical_not,
    // two
    add, sub, mul, div, pow, maximum, minimum, less, less_equal, equal, logical_and, logical_or,
    where, cast, copy,
    // rows of numbers
    sum, mean, amax, amin, cumsum, softmax, log_softmax, layer_norm, linear, matmul, embedding, one_hot,
    rnn_tanh, rnn_relu, lstm, gru_reset_after, gru_reset_before
};

struct Operand {
    int buffer;
    Element element;
    Count start, stream;  // elements: before the first of a stream, from stream to stream
    const Count* strides; // elements, one an axis of the instruction
};

struct Instruction {
    Code code;
    int axes, operand_count;     // at least one of each
    bool flat;                   // all streams are one run of elements
    const Count* sizes;          // of the axes
    Count total;                 // their product
    const Operand* operands;     // the first one is written
    const Count* shape;          // of rows, as the code has it
    const float* numbers;        // attributes
    const float* const* weights; // packed for the lanes of the instruction set
};

// Codes that no table has a row for.
struct Misfit {
    std::int64_t least, most, size;
};

// What a run is given: where the first stream of each buffer is, and which streams to work on.
struct Frame {
    char* const* bases;
    Count first, last;
    Misfit* misfit;
};

// Runs the instructions in order; false, and `misfit` filled, at the first one that meets codes out of range.
using Execute = bool (*)(const Instruction* instructions, Count count, const Frame&);

} // namespace unspool::executor
