// What every call of a kernel from Python needs: addresses of tensors, memory to work in and a team of threads.
#pragma once

#include <nanobind/nanobind.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "pool.hpp"
#include "subnormals.hpp"
#include "team.hpp"

namespace unspool {

namespace nb = nanobind;

// Much memory comes in pages of 2 MB where the system has them to give: of pages of 4 KB there are so many that their number is felt. The first page and the
// last may have other tensors too, which stand beside each other.
inline void want_large_pages(float* at, std::int64_t floats) {
#if defined(__linux__)
    constexpr std::uintptr_t LARGE = 2 << 20;
    if (!at || floats < 1 << 19) return;
    const std::uintptr_t first = reinterpret_cast<std::uintptr_t>(at) / LARGE * LARGE;
    const std::uintptr_t last = (reinterpret_cast<std::uintptr_t>(at + floats) + LARGE - 1) / LARGE * LARGE;
    madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#else
    (void)at, (void)floats;
#endif
}

// Floats at the beginning of a line of the cache, not set to anything.
class Block {
public:
    Block() = default;
    explicit Block(std::int64_t floats) : at_(static_cast<float*>(::operator new[](floats * sizeof(float), ALIGNMENT))), floats_(floats) {
        want_large_pages(at_.get(), floats);
    }
    float* at() const { return at_.get(); }
    std::int64_t floats() const { return floats_; }

private:
    static constexpr std::align_val_t ALIGNMENT{64};
    struct Free {
        void operator()(float* at) const { ::operator delete[](at, ALIGNMENT); }
    };

    std::unique_ptr<float[], Free> at_;
    std::int64_t floats_ = 0;
};

// Memory for the length of a call. A thread keeps it for the next one, unless it is much: from the system it would come cleared, page by page.
class Memory {
public:
    explicit Memory(std::int64_t floats) {
        if (spare.floats() >= floats) block_ = std::exchange(spare, Block());
        else block_ = Block(floats);
    }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory() {
        if (block_.floats() <= KEPT && block_.floats() > spare.floats()) spare = std::move(block_);
    }
    float* at() const { return block_.at(); }

private:
    static constexpr std::int64_t KEPT = 1 << 24; // floats

    inline static thread_local Block spare;
    Block block_;
};

// Calls `work` with a team's place in each of its threads: torch's own, where torch was loaded first.
template <class Work>
void in_each_thread(int threads, Work work) {
#if defined(_OPENMP)
    if (threads > 1 && has_pool() && !omp_in_parallel()) {
        std::vector<Member> members(threads);
#pragma omp parallel num_threads(threads)
        work(Team{omp_get_thread_num(), omp_get_num_threads(), members.data()});
        return;
    }
#endif
    Member alone;
    work(Team{0, 1, &alone});
}

// Likewise, for a kernel.
template <class Work>
void together(int threads, Work work) {
    in_each_thread(threads, [&](const Team& team) {
        const SubnormalsAreZeros within;
        work(team);
    });
}

// What a call works in, as `room` has it for a team of so many: the team that comes may be smaller than the one that was asked for, and parts that are then
// larger do not always make up a smaller whole.
template <class Room>
std::int64_t room_of_any_team(int threads, Room room) {
    std::int64_t most = 0;
    for (int team = 1; team <= threads; ++team) most = std::max(most, room(team));
    return most;
}

// Tensors, or None, in an order that both sides know. Each is asked for its own address, which costs a tenth of what a conversion to an array does; whoever
// calls keeps them alive.
class Tensors {
public:
    explicit Tensors(const nb::tuple& given) : given_(given) {}

    template <class T>
    T* at(Py_ssize_t index) const {
        PyObject* const tensor = PyTuple_GetItem(given_.ptr(), index);
        if (!tensor) throw nb::python_error();
        if (tensor == Py_None) return nullptr;
        const nb::object found = nb::steal(PyObject_CallMethodObjArgs(tensor, data_ptr().ptr(), nullptr));
        if (!found.is_valid()) throw nb::python_error();
        return static_cast<T*>(PyLong_AsVoidPtr(found.ptr()));
    }

private:
    static const nb::str& data_ptr() {
        static const nb::str* const name = new nb::str("data_ptr");
        return *name;
    }

    const nb::tuple& given_;
};

} // namespace unspool
