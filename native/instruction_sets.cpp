#include "instruction_sets.hpp"

#include <stdexcept>

// What each compilation of cross_entropy.cpp, dropout.cpp, executor.cpp and scan.cpp gives.
#define UNSPOOL_DECLARE(set)                                                                                                  \
    namespace unspool::set {                                                                                                  \
    extern const int lanes;                                                                                                   \
    bool execute(const executor::Instruction*, std::ptrdiff_t, const executor::Frame&);                                       \
    void drop(const DropCall&, std::int64_t, std::int64_t);                                                                   \
    extern const ScanEngine scan_engine;                                                                                      \
    extern const EntropyEngine entropy_engine;                                                                                \
    }
#define UNSPOOL_LIST(set, here) InstructionSet{#set, here, {set::lanes, set::execute}, set::scan_engine, set::entropy_engine, set::drop}

#if defined(UNSPOOL_HAS_BASELINE)
UNSPOOL_DECLARE(baseline)
#endif
#if defined(UNSPOOL_HAS_AVX2)
UNSPOOL_DECLARE(avx2)
#endif
#if defined(UNSPOOL_HAS_AVX512)
UNSPOOL_DECLARE(avx512)
#endif
#if defined(UNSPOOL_HAS_NEON)
UNSPOOL_DECLARE(neon)
#endif

namespace unspool {

namespace {

bool always() { return true; }

#if defined(UNSPOOL_HAS_AVX2) || defined(UNSPOOL_HAS_AVX512)
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#endif
#if defined(UNSPOOL_HAS_AVX512)
bool has_avx512() {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw");
}
#endif

} // namespace

const std::vector<InstructionSet>& instruction_sets() {
    static const std::vector<InstructionSet> sets = {
#if defined(UNSPOOL_HAS_BASELINE)
        UNSPOOL_LIST(baseline, always),
#endif
#if defined(UNSPOOL_HAS_NEON)
        UNSPOOL_LIST(neon, always),
#endif
#if defined(UNSPOOL_HAS_AVX2)
        UNSPOOL_LIST(avx2, has_avx2),
#endif
#if defined(UNSPOOL_HAS_AVX512)
        UNSPOOL_LIST(avx512, has_avx512),
#endif
    };
    return sets;
}

const InstructionSet& choose_instruction_set(const std::string& name) {
    const InstructionSet* found = nullptr;
    std::string known;
    for (const InstructionSet& one : instruction_sets()) {
        if (name.empty() ? one.is_here() : name == one.name) found = &one;
        known += std::string(known.empty() ? "" : ", ") + one.name;
    }
    if (!found || !found->is_here())
        throw std::invalid_argument("got " + name + ", wanted off or one of " + known + (found ? " that this processor has" : ""));
    return *found;
}

} // namespace unspool
