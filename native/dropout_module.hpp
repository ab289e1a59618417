// Dropout as Python calls it.
#pragma once

#include <nanobind/nanobind.h>

#include "instruction_sets.hpp"

namespace unspool {

void add_dropout(nanobind::module_& module, const InstructionSet& set);

} // namespace unspool
