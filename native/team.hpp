// Threads that work on one scan, and how they wait for each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <sched.h>

#include "inline.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace unspool {

// How far a thread has come, in rounds of meeting. It alone writes that down, for others to see.
class alignas(64) Progress {
public:
    UNSPOOL_INLINE void go_on() { __atomic_store_n(&round_, round_ + 1, __ATOMIC_RELEASE); }

    // Until the other has come as far. It takes a fraction of a microsecond while all run; a thread that waits long lets others have its core.
    UNSPOOL_INLINE void wait_for(const Progress& other) const {
        for (int spins = 0; static_cast<int>(__atomic_load_n(&other.round_, __ATOMIC_ACQUIRE) - round_) < 0; ++spins) {
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

    unsigned round_ = 0;
};

// A range of things that a thread works on.
struct Range {
    std::ptrdiff_t first, last;
    UNSPOOL_INLINE std::ptrdiff_t count() const { return last - first; }
};

// What a thread has not begun of its part of a loop. Others may take from it, so it is one word that changes at once: the number of the loop, and the first
// and the last of at most 2^24 things.
class alignas(64) Left {
public:
    // The thread goes on to its next loop.
    UNSPOOL_INLINE void open(Range part) {
        ++loop_;
        __atomic_store_n(&word_, packed(part), __ATOMIC_RELEASE);
    }

    // At most `each` things from the front, for the thread itself; none where all are taken.
    UNSPOOL_INLINE Range take(std::ptrdiff_t each) {
        return change([&](Range left) { return Range{left.first, left.count() < each ? left.last : left.first + each}; },
                      [](Range left, Range taken) { return Range{taken.last, left.last}; }, loop_);
    }

    // Likewise from the end, for a thread that has `own` left of the same loop: a multiple of `each` is left.
    UNSPOOL_INLINE Range take_last(std::ptrdiff_t each, const Left& own) {
        return change([&](Range left) { return Range{left.first + (left.count() - 1) / each * each, left.last}; },
                      [](Range left, Range taken) { return Range{left.first, taken.first}; }, own.loop_);
    }

private:
    using Word = std::uint64_t;
    static constexpr int BITS = 24;
    static constexpr Word MOST = (Word{1} << BITS) - 1;

    UNSPOOL_INLINE Word packed(Range part) const {
        return static_cast<Word>(loop_) << 2 * BITS | static_cast<Word>(part.first) << BITS | static_cast<Word>(part.last);
    }

    template <class Choose, class Rest>
    UNSPOOL_INLINE Range change(Choose choose, Rest rest, std::uint16_t loop) {
        Word word = __atomic_load_n(&word_, __ATOMIC_ACQUIRE);
        for (;;) {
            const Range left{static_cast<std::ptrdiff_t>(word >> BITS & MOST), static_cast<std::ptrdiff_t>(word & MOST)};
            if (word >> 2 * BITS != loop || left.first == left.last) return {0, 0};
            const Range taken = choose(left), stays = rest(left, taken);
            const Word next = (word & ~(MOST << BITS | MOST)) | static_cast<Word>(stays.first) << BITS | static_cast<Word>(stays.last);
            if (__atomic_compare_exchange_n(&word_, &word, next, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return taken;
        }
    }

    Word word_ = 0;
    std::uint16_t loop_ = 0; // the thread's own
};

struct Member {
    Progress progress;
    Left left;
};

struct Team {
    int thread, threads;
    Member* members; // (threads)

    // Until all have come here (Hensgen, Finkel and Manber 1988): each hears from one twice as far away in every round, and so of all. Of two threads each
    // reads what the other has written, once; a count that all change would go from core to core three times.
    UNSPOOL_INLINE void wait() const {
        Progress& own = members[thread].progress;
        for (int distance = 1; distance < threads; distance *= 2) {
            own.go_on();
            own.wait_for(members[thread < distance ? thread - distance + threads : thread - distance].progress);
        }
    }

    // The part of `count` things that is this thread's, in whole multiples of `grain`.
    UNSPOOL_INLINE Range part(std::ptrdiff_t count, std::ptrdiff_t grain = 1) const { return part_of(thread, count, grain); }

    UNSPOOL_INLINE Range part_of(int which, std::ptrdiff_t count, std::ptrdiff_t grain) const {
        const std::ptrdiff_t grains = (count + grain - 1) / grain;
        const std::ptrdiff_t first = grains * which / threads * grain, last = grains * (which + 1) / threads * grain;
        return {first < count ? first : count, last < count ? last : count};
    }

    // Calls `work` with ranges of at most `each` of `count` things: of this thread's part, as `part` has it, and then, where they are `lent`, of what slower
    // threads have not begun. Who does what is left to chance, so no result may depend on it, and all meet before others' results are read.
    template <class Work>
    UNSPOOL_INLINE void share(bool lent, std::ptrdiff_t count, std::ptrdiff_t grain, std::ptrdiff_t each, Work work) const {
        Left& own = members[thread].left;
        own.open(part(count, grain));
        for (Range some = own.take(each); some.count(); some = own.take(each)) work(some);
        if (!lent) return;
        for (int other = 1; other < threads; ++other) {
            Left& others = members[(thread + other) % threads].left;
            for (Range some = others.take_last(each, own); some.count(); some = others.take_last(each, own)) work(some);
        }
    }
};

} // namespace unspool
