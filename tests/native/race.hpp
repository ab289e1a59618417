// What programs that run kernels by themselves share: numbers, memory and threads of their own, for OpenMP's are not seen by the thread sanitizer.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "team.hpp"

using Floats = std::vector<float>;

inline Floats random(std::size_t count, unsigned seed) {
    std::mt19937 draw(seed);
    std::normal_distribution<float> normal;
    Floats found(count);
    for (float& each : found) each = 0.3f * normal(draw);
    return found;
}

// Room for `floats`, the first of which stands at the beginning of a line of the cache.
class Room {
public:
    explicit Room(std::int64_t floats) : held_(floats + 16) {}
    float* at() { return reinterpret_cast<float*>((reinterpret_cast<std::uintptr_t>(held_.data()) + 63) / 64 * 64); }

private:
    Floats held_;
};

template <class Work>
void together(int threads, const Work& work) {
    std::vector<unspool::Member> members(threads);
    std::vector<std::thread> team;
    for (int i = 0; i < threads; ++i) team.emplace_back([&, i] { work(unspool::Team{i, threads, members.data()}); });
    for (std::thread& one : team) one.join();
}

// The largest difference, relative to numbers above one.
inline double difference(const Floats& one, const Floats& more) {
    double worst = 0;
    for (std::size_t i = 0; i < one.size(); ++i) worst = std::fmax(worst, std::fabs(one[i] - more[i]) / (1 + std::fabs(one[i])));
    return worst;
}

// Adds what one thread has computed to a file, where one is named, so that processors can be compared.
inline void tell(const char* file, const Floats& one) {
    if (!file) return;
    std::FILE* const to = std::fopen(file, "ab");
    if (!to || std::fwrite(one.data(), sizeof(float), one.size(), to) != one.size() || std::fclose(to)) std::abort();
}
