// Tensors come in as addresses by name, which costs a tenth of what handing them over as arrays does. Whoever calls keeps them alive.
#include "scan_module.hpp"

#include <nanobind/stl/string.h>

#include <new>
#include <stdexcept>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "scan_plan.hpp"

namespace nb = nanobind;

namespace unspool {

namespace {

const InstructionSet* chosen = nullptr;

// Memory for the length of a call, not set to anything.
class Memory {
public:
    explicit Memory(std::int64_t floats) : at_(static_cast<float*>(::operator new[](floats * sizeof(float), ALIGNMENT))) {}
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory() { ::operator delete[](at_, ALIGNMENT); }
    float* at() const { return at_; }

private:
    static constexpr std::align_val_t ALIGNMENT{64};
    float* at_;
};

// Calls `work` with a team's place in each of its threads: torch's own, where torch was loaded first.
template <class Work>
void together(int threads, Work work) {
    Barrier barrier;
#if defined(_OPENMP)
    if (threads > 1 && !omp_in_parallel()) {
#pragma omp parallel num_threads(threads)
        work(Team{omp_get_thread_num(), omp_get_num_threads(), &barrier});
        return;
    }
#endif
    work(Team{0, 1, &barrier});
}

class Addresses {
public:
    explicit Addresses(const nb::dict& given) : given_(given) {}

    template <class T>
    T* operator()(const char* name) const {
        PyObject* const found = PyDict_GetItemString(given_.ptr(), name);
        return found && found != Py_None ? reinterpret_cast<T*>(PyLong_AsSize_t(found)) : nullptr;
    }

    std::int64_t count(const char* name) const {
        PyObject* const found = PyDict_GetItemString(given_.ptr(), name);
        return found ? static_cast<std::int64_t>(PyLong_AsSsize_t(found)) : 0;
    }

private:
    const nb::dict& given_;
};

ScanCall call_of(const ScanPlan& plan, const Addresses& at, float zone) {
    ScanCall call{};
    call.cell = plan.cell();
    call.batch = plan.batch();
    call.steps = plan.steps();
    call.inputs = plan.inputs();
    call.hidden = plan.hidden();
    call.reverse = plan.reverse();
    call.lengths = plan.lengths();
    call.x = at.operator()<const float>("x");
    call.x_row = at.count("x_row");
    call.x_step = at.count("x_step");
    call.input_weight = at.operator()<const float>("input_weight");
    call.state_weight = at.operator()<const float>("state_weight");
    call.input_bias = at.operator()<const float>("input_bias");
    call.state_bias = at.operator()<const float>("state_bias");
    call.h = at.operator()<const float>("h");
    call.c = at.operator()<const float>("c");
    call.keep = at.operator()<const float>("keep");
    call.zoned_h = at.operator()<const std::uint8_t>("zoned_h");
    call.zoned_c = at.operator()<const std::uint8_t>("zoned_c");
    call.zone = zone;
    call.y = at.operator()<float>("y");
    call.y_row = plan.steps() * plan.hidden();
    call.y_step = plan.hidden();
    call.h_last = at.operator()<float>("h_last");
    call.c_last = at.operator()<float>("c_last");
    call.gates = at.operator()<float>("gates");
    call.cells = at.operator()<float>("cells");
    return call;
}

ScanGradients gradients_of(const Addresses& at) {
    ScanGradients to{};
    to.y = at.operator()<const float>("y");
    to.y_row = at.count("y_row");
    to.y_step = at.count("y_step");
    to.h_last = at.operator()<const float>("h_last");
    to.c_last = at.operator()<const float>("c_last");
    to.x = at.operator()<float>("x");
    to.input_weight = at.operator()<float>("input_weight");
    to.state_weight = at.operator()<float>("state_weight");
    to.input_bias = at.operator()<float>("input_bias");
    to.state_bias = at.operator()<float>("state_bias");
    to.h = at.operator()<float>("h");
    to.c = at.operator()<float>("c");
    return to;
}

void forward(const ScanPlan& plan, const nb::dict& given, float zone) {
    const ScanCall call = call_of(plan, Addresses(given), zone);
    nb::gil_scoped_release released;
    const Memory room(chosen->scan.room(call, nullptr, plan.plan(), plan.threads()));
    together(plan.threads(), [&](const Team& team) { chosen->scan.forward(call, plan.plan(), team, room.at()); });
}

void backward(const ScanPlan& plan, const nb::dict& given, const nb::dict& gradients, float zone) {
    const ScanCall call = call_of(plan, Addresses(given), zone);
    const ScanGradients to = gradients_of(Addresses(gradients));
    nb::gil_scoped_release released;
    const Memory room(chosen->scan.room(call, &to, plan.plan(), plan.threads()));
    together(plan.threads(), [&](const Team& team) { chosen->scan.backward(call, to, plan.plan(), team, room.at()); });
}

CellKind kind_named(const std::string& name) {
    if (name == "rnn_tanh") return CellKind::rnn_tanh;
    if (name == "rnn_relu") return CellKind::rnn_relu;
    if (name == "lstm") return CellKind::lstm;
    if (name == "gru_reset_after") return CellKind::gru_reset_after;
    if (name == "gru_reset_before") return CellKind::gru_reset_before;
    throw std::invalid_argument("no cell is called " + name);
}

void make_plan(ScanPlan* at, const std::string& cell, std::int64_t batch, std::int64_t steps, std::int64_t inputs, std::int64_t hidden,
               std::size_t lengths, bool reverse, int threads) {
    new (at) ScanPlan(kind_named(cell), batch, steps, inputs, hidden, reinterpret_cast<const std::int64_t*>(lengths), reverse, threads);
}

} // namespace

void add_scan(nb::module_& module, const InstructionSet& set) {
    chosen = &set;
    nb::class_<ScanPlan>(module, "ScanPlan")
        .def("__init__", &make_plan, nb::arg("cell"), nb::arg("batch"), nb::arg("steps"), nb::arg("inputs"), nb::arg("hidden"), nb::arg("lengths"),
             nb::arg("reverse"), nb::arg("threads"))
        .def_prop_ro("instants", [](const ScanPlan& plan) { return plan.plan().instants; })
        .def_prop_ro("by_units", [](const ScanPlan& plan) { return plan.plan().by_units; })
        .def_prop_ro("threads", &ScanPlan::threads)
        .def_prop_ro("row", [](const ScanPlan& plan) { return chosen->scan.row(plan.cell(), plan.hidden()); })
        .def_prop_ro("units", [](const ScanPlan& plan) { return (plan.hidden() + chosen->executor.lanes - 1) / chosen->executor.lanes * chosen->executor.lanes; });
    module.def("scan_forward", &forward, nb::arg("plan"), nb::arg("given"), nb::arg("zone"));
    module.def("scan_backward", &backward, nb::arg("plan"), nb::arg("given"), nb::arg("gradients"), nb::arg("zone"));
}

} // namespace unspool
