// Which instruction sets the kernels were compiled for, and which of them this processor has.
#pragma once

#include <string>
#include <vector>

#include "cross_entropy_engine.hpp"
#include "dropout_call.hpp"
#include "executor_program.hpp"
#include "scan_engine.hpp"

namespace unspool {

struct InstructionSet {
    const char* name;
    bool (*is_here)(); // whether this processor has it
    executor::Engine executor;
    ScanEngine scan;
    EntropyEngine entropy;
    Drop drop;
};

// From the plainest to the fastest, all that were compiled.
const std::vector<InstructionSet>& instruction_sets();

// The one of that name, or the fastest that is here where the name is empty; throws std::invalid_argument where there is none or it is not here.
const InstructionSet& choose_instruction_set(const std::string& name);

} // namespace unspool
