// The executor in the module: classes StepProgram and StepRunner.
#pragma once

#include <nanobind/nanobind.h>

#include "executor_program.hpp"

namespace unspool {

// `engine` gives the instruction set that programs made from then on are packed for.
void add_executor(nanobind::module_& module, executor::Engine (*engine)());

} // namespace unspool
