// The recurrent scan, compiled once for each instruction set.
#include "scan_backward.hpp"
#include "scan_engine.hpp"
#include "scan_forward.hpp"

namespace unspool::UNSPOOL_ISA {

extern const int lanes;
const int lanes = LANES;

namespace {

template <class Work>
auto with_cell(CellKind kind, Work work) {
    switch (kind) {
        case CellKind::rnn_tanh: return work(Rnn<true>{});
        case CellKind::rnn_relu: return work(Rnn<false>{});
        case CellKind::lstm: return work(Lstm{});
        case CellKind::gru_reset_after: return work(GruResetAfter{});
        default: return work(GruResetBefore{});
    }
}

std::int64_t row(CellKind kind, std::int64_t hidden) {
    return with_cell(kind, [&](auto cell) { return Layout::of<decltype(cell)>(0, hidden).row; });
}

std::int64_t room(const ScanCall& call, const ScanGradients* to, const Plan& plan, int threads) {
    return with_cell(call.cell, [&](auto cell) {
        using Cell = decltype(cell);
        const Layout layout = Layout::of<Cell>(call.inputs, call.hidden);
        return to ? BackwardRoom<Cell>(call, *to, plan, layout, threads, nullptr).used : ForwardRoom<Cell>(call, plan, layout, threads, nullptr).used;
    });
}

void forward(const ScanCall& call, const Plan& plan, const Team& team, float* room) {
    with_cell(call.cell, [&](auto cell) { Forward<decltype(cell)>(call, plan, team, room)(); });
}

void backward(const ScanCall& call, const ScanGradients& to, const Plan& plan, const Team& team, float* room) {
    with_cell(call.cell, [&](auto cell) { Backward<decltype(cell)>(call, to, plan, team, room)(); });
}

} // namespace

extern const ScanEngine scan_engine;
const ScanEngine scan_engine{row, room, forward, backward};

} // namespace unspool::UNSPOOL_ISA
