// Numbers too small for a full mantissa: words that are ruled out and gradients that have vanished end there, where a product takes a hundred times as long.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace unspool {

// How a thread takes subnormal numbers: as they are, or as zeros, which it then reads and writes in their place.
class Subnormals {
public:
    static bool are_zeros() { return (mode() & ZEROS) != 0; }

    static void take_as_zeros(bool zeros) { set(zeros ? mode() | ZEROS : mode() & ~ZEROS); }

private:
#if defined(__x86_64__)
    using Mode = unsigned;
    static constexpr Mode ZEROS = 0x8040; // of results, and of operands
    static Mode mode() { return _mm_getcsr(); }
    static void set(Mode mode) { _mm_setcsr(mode); }
#elif defined(__aarch64__)
    using Mode = std::uint64_t;
    static constexpr Mode ZEROS = 1 << 24; // of both
    static Mode mode() {
        Mode found;
        asm volatile("mrs %0, fpcr" : "=r"(found));
        return found;
    }
    static void set(Mode mode) { asm volatile("msr fpcr, %0" ::"r"(mode)); }
#else
    using Mode = unsigned;
    static constexpr Mode ZEROS = 0;
    static Mode mode() { return 0; }
    static void set(Mode) {}
#endif
};

// While it lives, they are zeros to its thread.
class SubnormalsAreZeros {
public:
    SubnormalsAreZeros() : before_(Subnormals::are_zeros()) { Subnormals::take_as_zeros(true); }
    SubnormalsAreZeros(const SubnormalsAreZeros&) = delete;
    SubnormalsAreZeros& operator=(const SubnormalsAreZeros&) = delete;
    ~SubnormalsAreZeros() { Subnormals::take_as_zeros(before_); }

private:
    const bool before_;
};

} // namespace unspool
