#include "dropout_module.hpp"

#include "calling.hpp"

namespace unspool {

namespace {

constexpr std::int64_t MANY = 1 << 15; // numbers that are worth waking another thread for

Drop chosen = nullptr;

// x, drawn, y
void drop(const nb::tuple& tensors, std::int64_t count, std::int32_t below, float scale, int threads) {
    const Tensors given(tensors);
    const DropCall call{given.at<const float>(0), given.at<const std::int16_t>(1), given.at<float>(2), below, scale};
    nb::gil_scoped_release released;
    want_large_pages(call.y, count);
    together(count < MANY ? 1 : threads, [&](const Team& team) {
        const Range own = team.part(count, 16);
        chosen(call, own.first, own.last);
    });
}

} // namespace

void add_dropout(nb::module_& module, const InstructionSet& set) {
    chosen = set.drop;
    module.def("drop", &drop, nb::arg("tensors"), nb::arg("count"), nb::arg("below"), nb::arg("scale"), nb::arg("threads"));
}

} // namespace unspool
