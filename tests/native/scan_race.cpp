// Scans by several threads, for the thread sanitizer and for other processors: `scan_race THREADS [FILE]`.
// Prints the largest difference to what one thread computes, and fails where it is more than rounding.
#include "race.hpp"
#include "scan_engine.hpp"
#include "scan_plan.hpp"

namespace unspool::UNSPOOL_ISA {
extern const int lanes;
extern const ScanEngine scan_engine;
} // namespace unspool::UNSPOOL_ISA

using namespace unspool;
using UNSPOOL_ISA::scan_engine;

namespace {

constexpr std::int64_t BATCH = 9, STEPS = 7, INPUTS = 5, KINDS = 11;

// Everything that a scan and its way back give, one after the other.
Floats scanned(CellKind cell, std::int64_t hidden, bool varied, bool reverse, bool coded, int threads, bool& by_units) {
    const std::int64_t gates = cell == CellKind::lstm ? 4 : cell == CellKind::rnn_tanh || cell == CellKind::rnn_relu ? 1 : 3;
    const std::vector<std::int64_t> lengths{7, 0, 3, 7, 1, 5, 2, 6, 4};
    const ScanPlan plan(cell, BATCH, STEPS, coded ? 0 : INPUTS, hidden, varied ? lengths.data() : nullptr, reverse, threads);
    by_units = plan.plan().by_units;
    Plan lent = plan.plan();
    lent.lends_units = by_units, lent.lends_sums = threads > 1; // whatever the sizes
    const std::int64_t units = (hidden + UNSPOOL_ISA::lanes - 1) / UNSPOOL_ISA::lanes * UNSPOOL_ISA::lanes;
    Floats x = random(BATCH * STEPS * INPUTS, 1), into = random(gates * hidden * INPUTS, 2), held = random(gates * hidden * hidden, 3),
           bias = random(gates * hidden, 4), h = random(BATCH * hidden, 5), c = random(BATCH * hidden, 6), keep = random(BATCH * hidden, 7),
           dy = random(BATCH * STEPS * hidden, 8);
    Floats y(BATCH * STEPS * hidden), h_last(BATCH * hidden), c_last(BATCH * hidden), saved(plan.plan().instants * scan_engine.row(cell, hidden)),
        cells(plan.plan().instants * units);
    const Floats given = random(KINDS * gates * hidden, 9);
    std::vector<std::int64_t> codes(BATCH * STEPS);
    for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::int64_t>(i * i % KINDS);
    ScanCall call{};
    call.cell = cell;
    call.batch = BATCH, call.steps = STEPS, call.inputs = plan.inputs(), call.hidden = hidden, call.reverse = reverse, call.lengths = plan.lengths();
    if (coded) call.given = given.data(), call.codes = codes.data(), call.codes_row = STEPS, call.codes_step = 1;
    else call.x = x.data(), call.x_row = STEPS * INPUTS, call.x_step = INPUTS, call.input_weight = into.data();
    call.state_weight = held.data(), call.input_bias = call.state_bias = bias.data();
    call.h = h.data(), call.c = c.data(), call.keep = keep.data();
    call.y = y.data(), call.y_row = STEPS * hidden, call.y_step = hidden;
    call.h_last = h_last.data(), call.c_last = c_last.data(), call.gates = saved.data(), call.cells = cells.data();
    Room room(scan_engine.room(call, nullptr, lent, plan.threads()));
    together(plan.threads(), [&](const Team& team) { scan_engine.forward(call, lent, team, room.at()); });
    Floats dgiven(given.size()), dx(x.size()), dinto(into.size()), dheld(held.size()), dbias(bias.size()), dstate(bias.size()), dh(h.size()), dc(c.size());
    ScanGradients to{};
    to.y = dy.data(), to.y_row = STEPS * hidden, to.y_step = hidden;
    if (coded) to.given = dgiven.data();
    else to.x = dx.data(), to.input_weight = dinto.data();
    to.state_weight = dheld.data(), to.input_bias = dbias.data(), to.state_bias = dstate.data();
    to.h = dh.data(), to.c = dc.data();
    Room back(scan_engine.room(call, &to, lent, plan.threads()));
    together(plan.threads(), [&](const Team& team) { scan_engine.backward(call, to, lent, team, back.at()); });
    Floats all;
    for (const Floats* part : {&y, &h_last, &dgiven, &dx, &dinto, &dheld, &dbias, &dstate, &dh}) all.insert(all.end(), part->begin(), part->end());
    return all;
}

} // namespace

int main(int count, char** given) {
    const int threads = std::atoi(given[1]);
    double worst = 0;
    bool rows = false, units = false;
    for (CellKind cell : {CellKind::rnn_tanh, CellKind::rnn_relu, CellKind::lstm, CellKind::gru_reset_after, CellKind::gru_reset_before})
        for (std::int64_t hidden : {48, 257})
            for (bool varied : {false, true})
                for (bool reverse : {false, true})
                    for (bool coded : {false, true}) {
                        bool by_units = false;
                        const Floats one = scanned(cell, hidden, varied, reverse, coded, 1, by_units),
                                     more = scanned(cell, hidden, varied, reverse, coded, threads, by_units);
                        (by_units ? units : rows) = true;
                        worst = std::fmax(worst, difference(one, more));
                        tell(count > 2 ? given[2] : nullptr, one);
                    }
    std::printf("rows %d, units %d, difference %g\n", rows, units, worst);
    return worst < 1e-4 && rows && units ? 0 : 1;
}
