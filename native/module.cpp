// unspool._native: recurrent scans, dropout, the cross-entropy over a vocabulary and the executor of step programs. The instruction set is chosen once, at load.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdlib>

#include "calling.hpp"
#include "cross_entropy_module.hpp"
#include "dropout_module.hpp"
#include "executor_module.hpp"
#include "instruction_sets.hpp"
#include "scan_module.hpp"

namespace nb = nanobind;

namespace {

const unspool::InstructionSet* chosen = nullptr;

// Of the threads that torch's operations run on, from now on; whether they were zeros to the calling one before.
bool take_subnormals(bool as_zeros, int threads) {
    const bool before = unspool::Subnormals::are_zeros();
    nb::gil_scoped_release released;
    unspool::in_each_thread(threads, [&](const unspool::Team&) { unspool::Subnormals::take_as_zeros(as_zeros); });
    return before;
}

} // namespace

NB_MODULE(_native, module) {
    nb::set_leak_warnings(false); // a graph of torch that lives until the end of Python holds its plans, and is no leak
    const char* const set = std::getenv("UNSPOOL_NATIVE");
    const std::string asked = set ? set : "";
    if (asked == "off") throw nb::import_error("UNSPOOL_NATIVE is off");
    try {
        chosen = &unspool::choose_instruction_set(asked);
    } catch (const std::exception& error) {
        throw nb::import_error(("UNSPOOL_NATIVE: " + std::string(error.what()) + "; unset it to have the fastest").c_str());
    }
    std::vector<std::string> here;
    for (const unspool::InstructionSet& one : unspool::instruction_sets())
        if (one.is_here()) here.emplace_back(one.name);
    module.attr("instruction_set") = chosen->name;
    module.attr("instruction_sets") = nb::cast(here);
    module.def("take_subnormals", &take_subnormals, nb::arg("as_zeros"), nb::arg("threads"));
    unspool::add_executor(module, [] { return chosen->executor; });
    unspool::add_scan(module, *chosen);
    unspool::add_cross_entropy(module, *chosen);
    unspool::add_dropout(module, *chosen);
}
