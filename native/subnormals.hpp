// Numbers too small for a full mantissa: words that are ruled out and gradients that have vanished end there, where a product takes a hundred times as long.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace unspool {

// While it lives, its thread reads subnormal numbers as zeros and writes zeros in their place.
class SubnormalsAreZeros {
public:
    SubnormalsAreZeros() : before_(mode()) { set(before_ | FLAGS); }
    SubnormalsAreZeros(const SubnormalsAreZeros&) = delete;
    SubnormalsAreZeros& operator=(const SubnormalsAreZeros&) = delete;
    ~SubnormalsAreZeros() { set(before_); }

private:
#if defined(__x86_64__)
    using Mode = unsigned;
    static constexpr Mode FLAGS = 0x8040; // of results, and of operands
    static Mode mode() { return _mm_getcsr(); }
    static void set(Mode mode) { _mm_setcsr(mode); }
#elif defined(__aarch64__)
    using Mode = std::uint64_t;
    static constexpr Mode FLAGS = 1 << 24; // of both
    static Mode mode() {
        Mode found;
        asm volatile("mrs %0, fpcr" : "=r"(found));
        return found;
    }
    static void set(Mode mode) { asm volatile("msr fpcr, %0" ::"r"(mode)); }
#else
    using Mode = int;
    static constexpr Mode FLAGS = 0;
    static Mode mode() { return 0; }
    static void set(Mode) {}
#endif

    const Mode before_;
};

} // namespace unspool
