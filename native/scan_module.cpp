#include "scan_module.hpp"

#include <nanobind/stl/string.h>

#include <stdexcept>

#include "calling.hpp"
#include "scan_plan.hpp"

namespace nb = nanobind;

namespace unspool {

namespace {

const InstructionSet* chosen = nullptr;

struct Strides {
    std::int64_t row, step;
};

// x, input_weight, state_weight, input_bias, state_bias, h, c, keep, zoned_h, zoned_c, y, h_last, c_last, gates, cells, codes. With codes, `x` is what
// the different inputs give, and the strides are those of the codes.
ScanCall call_of(const ScanPlan& plan, const Tensors& given, Strides x, float zone) {
    ScanCall call{};
    call.cell = plan.cell();
    call.batch = plan.batch();
    call.steps = plan.steps();
    call.inputs = plan.inputs();
    call.hidden = plan.hidden();
    call.reverse = plan.reverse();
    call.lengths = plan.lengths();
    call.codes = given.at<const std::int64_t>(15);
    (call.codes ? call.given : call.x) = given.at<const float>(0);
    (call.codes ? call.codes_row : call.x_row) = x.row;
    (call.codes ? call.codes_step : call.x_step) = x.step;
    call.input_weight = given.at<const float>(1);
    call.state_weight = given.at<const float>(2);
    call.input_bias = given.at<const float>(3);
    call.state_bias = given.at<const float>(4);
    call.h = given.at<const float>(5);
    call.c = given.at<const float>(6);
    call.keep = given.at<const float>(7);
    call.zoned_h = given.at<const std::uint8_t>(8);
    call.zoned_c = given.at<const std::uint8_t>(9);
    call.zone = zone;
    call.y = given.at<float>(10);
    call.y_row = plan.steps() * plan.hidden();
    call.y_step = plan.hidden();
    call.h_last = given.at<float>(11);
    call.c_last = given.at<float>(12);
    call.gates = given.at<float>(13);
    call.cells = given.at<float>(14);
    return call;
}

// Gradients: of y, h_last, c_last; to x, input_weight, state_weight, input_bias, state_bias, h, c
ScanGradients gradients_of(const ScanCall& call, const Tensors& given, Strides y) {
    ScanGradients to{};
    to.y = given.at<const float>(0);
    to.y_row = y.row;
    to.y_step = y.step;
    to.h_last = given.at<const float>(1);
    to.c_last = given.at<const float>(2);
    (call.codes ? to.given : to.x) = given.at<float>(3);
    to.input_weight = given.at<float>(4);
    to.state_weight = given.at<float>(5);
    to.input_bias = given.at<float>(6);
    to.state_bias = given.at<float>(7);
    to.h = given.at<float>(8);
    to.c = given.at<float>(9);
    return to;
}

// Filled up to whole vectors.
std::int64_t units_of(const ScanPlan& plan) { return (plan.hidden() + chosen->executor.lanes - 1) / chosen->executor.lanes * chosen->executor.lanes; }

void forward(const ScanPlan& plan, const nb::tuple& tensors, std::int64_t x_row, std::int64_t x_step, float zone) {
    const ScanCall call = call_of(plan, Tensors(tensors), {x_row, x_step}, zone);
    nb::gil_scoped_release released;
    const std::int64_t instants = plan.plan().instants;
    want_large_pages(call.y, call.batch * call.y_row);
    want_large_pages(call.gates, instants * chosen->scan.row(call.cell, call.hidden));
    want_large_pages(call.cells, instants * units_of(plan));
    const Memory room(room_of_any_team(plan.threads(), [&](int team) { return chosen->scan.room(call, nullptr, plan.plan(), team); }));
    together(plan.threads(), [&](const Team& team) { chosen->scan.forward(call, plan.plan(), team, room.at()); });
}

void backward(const ScanPlan& plan, const nb::tuple& tensors, std::int64_t x_row, std::int64_t x_step, float zone, const nb::tuple& gradients,
              std::int64_t y_row, std::int64_t y_step) {
    const ScanCall call = call_of(plan, Tensors(tensors), {x_row, x_step}, zone);
    const ScanGradients to = gradients_of(call, Tensors(gradients), {y_row, y_step});
    nb::gil_scoped_release released;
    const std::int64_t rows = gates_of(call.cell) * call.hidden;
    want_large_pages(to.x, call.batch * call.steps * call.inputs);
    want_large_pages(to.input_weight, rows * call.inputs);
    want_large_pages(to.state_weight, rows * call.hidden);
    const Memory room(room_of_any_team(plan.threads(), [&](int team) { return chosen->scan.room(call, &to, plan.plan(), team); }));
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
        .def_prop_ro("lends_units", [](const ScanPlan& plan) { return plan.plan().lends_units; })
        .def_prop_ro("lends_sums", [](const ScanPlan& plan) { return plan.plan().lends_sums; })
        .def_prop_ro("threads", &ScanPlan::threads)
        .def_prop_ro("row", [](const ScanPlan& plan) { return chosen->scan.row(plan.cell(), plan.hidden()); })
        .def_prop_ro("units", &units_of);
    module.def("scan_forward", &forward, nb::arg("plan"), nb::arg("tensors"), nb::arg("x_row"), nb::arg("x_step"), nb::arg("zone"));
    module.def("scan_backward", &backward, nb::arg("plan"), nb::arg("tensors"), nb::arg("x_row"), nb::arg("x_step"), nb::arg("zone"),
               nb::arg("gradients"), nb::arg("y_row"), nb::arg("y_step"));
}

} // namespace unspool
