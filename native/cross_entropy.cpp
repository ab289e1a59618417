// Cross-entropy over a vocabulary, compiled once for each instruction set.
#include "cross_entropy.hpp"

#include "cross_entropy_engine.hpp"

namespace unspool::UNSPOOL_ISA {

namespace {

std::int64_t row(const EntropyCall& call) { return EntropyRoom::row(call); }

std::int64_t room(const EntropyCall& call, const EntropyPlan& plan, int threads) { return EntropyRoom(call, plan, threads, nullptr).used; }

void run(const EntropyCall& call, const EntropyPlan& plan, const Team& team, float* room) { CrossEntropy(call, plan, team, room)(); }

} // namespace

extern const EntropyEngine entropy_engine;
const EntropyEngine entropy_engine{EntropyRoom::PIECE, row, room, run};

} // namespace unspool::UNSPOOL_ISA
