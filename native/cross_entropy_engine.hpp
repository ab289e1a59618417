// What the cross-entropy needs of an instruction set.
#pragma once

#include "cross_entropy_call.hpp"
#include "team.hpp"

namespace unspool {

struct EntropyEngine {
    std::int64_t piece;                                                               // rows of a piece at most
    std::int64_t (*row)(const EntropyCall&);                                          // floats of a row of logits
    std::int64_t (*room)(const EntropyCall&, const EntropyPlan&, int threads);        // floats that a call works in
    void (*run)(const EntropyCall&, const EntropyPlan&, const Team&, float* room);
};

} // namespace unspool
