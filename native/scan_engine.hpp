// What the scan needs of an instruction set.
#pragma once

#include "scan_call.hpp"
#include "team.hpp"

namespace unspool {

struct ScanEngine {
    std::int64_t (*row)(CellKind, std::int64_t hidden); // floats that are kept of each real step for the way back
    std::int64_t (*room)(const ScanCall&, const ScanGradients*, const Plan&, int threads); // floats that a call works in; no gradients: forward
    void (*forward)(const ScanCall&, const Plan&, const Team&, float* room);
    void (*backward)(const ScanCall&, const ScanGradients&, const Plan&, const Team&, float* room);
};

} // namespace unspool
