#include "cross_entropy_module.hpp"

#include "calling.hpp"
#include "cross_entropy_plan.hpp"

namespace unspool {

namespace {

const InstructionSet* chosen = nullptr;

// states, weight, bias, truth, shares, kept; surprise; of_states, of_weight, of_bias
EntropyCall call_of(const Tensors& given, std::int64_t rows, std::int64_t width, std::int64_t words, std::int64_t group) {
    EntropyCall call{};
    call.rows = rows;
    call.width = width;
    call.words = words;
    call.group = group;
    call.states = given.at<const float>(0);
    call.weight = given.at<const float>(1);
    call.bias = given.at<const float>(2);
    call.truth = given.at<const std::int64_t>(3);
    call.shares = given.at<const float>(4);
    call.kept = given.at<const std::uint8_t>(5);
    call.surprise = given.at<float>(6);
    call.of_states = given.at<float>(7);
    call.of_weight = given.at<float>(8);
    call.of_bias = given.at<float>(9);
    return call;
}

void cross_entropy(const nb::tuple& tensors, std::int64_t rows, std::int64_t width, std::int64_t words, std::int64_t group, int threads) {
    const EntropyCall call = call_of(Tensors(tensors), rows, width, words, group);
    nb::gil_scoped_release released;
    want_large_pages(call.of_states, rows * width);
    want_large_pages(call.of_weight, words * width);
    const EntropyEngine& engine = chosen->entropy;
    const OwnEntropyPlan own(call, engine.piece, engine.row(call));
    const Memory room(room_of_any_team(threads, [&](int team) { return engine.room(call, own.plan(), team); }));
    together(threads, [&](const Team& team) { engine.run(call, own.plan(), team, room.at()); });
}

} // namespace

void add_cross_entropy(nb::module_& module, const InstructionSet& set) {
    chosen = &set;
    module.def("cross_entropy", &cross_entropy, nb::arg("tensors"), nb::arg("rows"), nb::arg("width"), nb::arg("words"), nb::arg("group"), nb::arg("threads"));
}

} // namespace unspool
