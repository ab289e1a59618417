// Dropout, as every instruction set has it.
#pragma once

#include <cstdint>

namespace unspool {

struct DropCall {
    const float* x;
    const std::int16_t* drawn; // a number drawn for each of x
    float* y;
    std::int32_t below; // what was drawn below this leaves x in, scaled
    float scale;
};

// Of the numbers `first` to `last`.
using Drop = void (*)(const DropCall&, std::int64_t first, std::int64_t last);

} // namespace unspool
