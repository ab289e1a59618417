// Dropout, compiled once for each instruction set.
#include "dropout_call.hpp"
#include "simd.hpp"

namespace unspool::UNSPOOL_ISA {

namespace {

using Shorts = std::int16_t __attribute__((vector_size(LANES * sizeof(std::int16_t))));

UNSPOOL_INLINE Ints integers(const std::int16_t* from) {
    Shorts v;
    std::memcpy(&v, from, sizeof v);
    return __builtin_convertvector(v, Ints);
}

} // namespace

// A product, and no choice: what is not a number stays none.
void drop(const DropCall& call, std::int64_t first, std::int64_t last) {
    std::int64_t i = first;
    for (; i + LANES <= last; i += LANES) store(call.y + i, load(call.x + i) * select(integers(call.drawn + i) < call.below, splat(call.scale), Vec{}));
    for (; i < last; ++i) call.y[i] = call.x[i] * (call.drawn[i] < call.below ? call.scale : 0);
}

} // namespace unspool::UNSPOOL_ISA
