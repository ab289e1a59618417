// Threads that work on one scan, and how they wait for each other.
#pragma once

#include <cstddef>
#include <sched.h>

#include "inline.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace unspool {

// Waiting takes a fraction of a microsecond while all run; a thread that waits long lets others have its core.
class Barrier {
public:
    UNSPOOL_INLINE void wait(int threads) {
        if (threads == 1) return;
        const int round = __atomic_load_n(&round_, __ATOMIC_ACQUIRE);
        if (__atomic_add_fetch(&arrived_, 1, __ATOMIC_ACQ_REL) == threads) {
            __atomic_store_n(&arrived_, 0, __ATOMIC_RELAXED);
            __atomic_store_n(&round_, round + 1, __ATOMIC_RELEASE);
            return;
        }
        for (int spins = 0; __atomic_load_n(&round_, __ATOMIC_ACQUIRE) == round; ++spins) {
            if (spins < SPINS) relax();
            else sched_yield();
        }
    }

private:
    static constexpr int SPINS = 300; // some microseconds: threads that share a core must soon take turns

    static UNSPOOL_INLINE void relax() {
#if defined(__x86_64__)
        _mm_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    }

    alignas(64) int arrived_ = 0;
    alignas(64) int round_ = 0;
};

// A range of things that a thread works on.
struct Range {
    std::ptrdiff_t first, last;
    UNSPOOL_INLINE std::ptrdiff_t count() const { return last - first; }
};

struct Team {
    int thread, threads;
    Barrier* barrier;

    UNSPOOL_INLINE void wait() const { barrier->wait(threads); }

    // The part of `count` things that is this thread's, in whole multiples of `grain`.
    UNSPOOL_INLINE Range part(std::ptrdiff_t count, std::ptrdiff_t grain = 1) const {
        const std::ptrdiff_t grains = (count + grain - 1) / grain;
        const std::ptrdiff_t first = grains * thread / threads * grain, last = grains * (thread + 1) / threads * grain;
        return {first < count ? first : count, last < count ? last : count};
    }
};

} // namespace unspool
