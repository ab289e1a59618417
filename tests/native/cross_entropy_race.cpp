// A cross-entropy by several threads, for the thread sanitizer and for other processors: `cross_entropy_race THREADS [FILE]`.
// Prints the largest difference to what one thread computes, and fails where it is more than rounding.
#include <array>

#include "race.hpp"
#include "cross_entropy_engine.hpp"
#include "cross_entropy_plan.hpp"

namespace unspool::UNSPOOL_ISA {
extern const EntropyEngine entropy_engine;
} // namespace unspool::UNSPOOL_ISA

using namespace unspool;
using UNSPOOL_ISA::entropy_engine;

namespace {

std::int64_t chunks = 0; // most of any call

// Everything that a cross-entropy gives, one after the other.
Floats worked_out(std::int64_t rows, std::int64_t width, std::int64_t words, std::int64_t groups, int threads) {
    const Floats states = random(rows * width, 1), weight = random(words * width, 2), bias = random(words, 3), shares = random(rows, 4);
    std::vector<std::int64_t> truth(rows);
    for (std::int64_t r = 0; r < rows; ++r) truth[r] = r * r % words;
    std::vector<std::uint8_t> kept(groups * width);
    for (std::size_t i = 0; i < kept.size(); ++i) kept[i] = i * i % 3 != 0;
    Floats surprise(rows), of_states(states.size()), of_weight(weight.size()), of_bias(bias.size());
    EntropyCall call{};
    call.rows = rows, call.width = width, call.words = words;
    call.states = states.data(), call.weight = weight.data(), call.bias = bias.data(), call.truth = truth.data(), call.shares = shares.data();
    if (groups) call.kept = kept.data(), call.group = rows / groups;
    call.surprise = surprise.data(), call.of_states = of_states.data(), call.of_weight = of_weight.data(), call.of_bias = of_bias.data();
    const OwnEntropyPlan own(call, entropy_engine.piece, entropy_engine.row(call));
    if (own.plan().chunks > chunks) chunks = own.plan().chunks;
    Room room(entropy_engine.room(call, own.plan(), threads));
    together(threads, [&](const Team& team) { entropy_engine.run(call, own.plan(), team, room.at()); });
    Floats all;
    for (const Floats* part : {&surprise, &of_states, &of_weight, &of_bias}) all.insert(all.end(), part->begin(), part->end());
    return all;
}

} // namespace

int main(int count, char** given) {
    const int threads = std::atoi(given[1]);
    double worst = 0;
    for (std::int64_t groups : {0, 4})
        for (const auto& [rows, width, words] : {std::array<std::int64_t, 3>{212, 33, 611}, {8, 5, 3}, {300, 20, 30011}}) {
            const Floats one = worked_out(rows, width, words, groups, 1), more = worked_out(rows, width, words, groups, threads);
            worst = std::fmax(worst, difference(one, more));
            tell(count > 2 ? given[2] : nullptr, one);
        }
    std::printf("chunks %d, difference %g\n", static_cast<int>(chunks), worst);
    return worst < 1e-4 && chunks > 1 ? 0 : 1;
}
