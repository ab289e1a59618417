// The scan in the module: class ScanPlan, functions scan_forward and scan_backward.
#pragma once

#include <nanobind/nanobind.h>

#include "instruction_sets.hpp"

namespace unspool {

void add_scan(nanobind::module_& module, const InstructionSet& set);

} // namespace unspool
