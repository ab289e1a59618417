// The most fused multiply-adds a second of argv[1] threads, the best of argv[2] bursts: independent chains in registers, nothing else. Prints GFLOP/s.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
constexpr int WIDTH = 16;
#elif defined(__AVX__)
constexpr int WIDTH = 8;
#else
constexpr int WIDTH = 4;
#endif

typedef float Vector __attribute__((vector_size(WIDTH * sizeof(float))));
constexpr int CHAINS = 12; // latency 4 or 5 x two units of the processor, with room to spare, within 16 registers
constexpr long ROUNDS = 20'000'000;

static float spin(long rounds, float seed) {
    Vector chain[CHAINS], factor = Vector{} + 0.999f + seed, term = Vector{} + 0.001f + seed; // a seed that the compiler does not know
    for (int i = 0; i < CHAINS; ++i) chain[i] = Vector{} + (seed + 1) * static_cast<float>(i); // alike, they would be made one
    for (long round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; ++i) chain[i] = chain[i] * factor + term;
    }
    float sum = 0;
    for (const Vector& each : chain) sum += each[0];
    return sum;
}

int main(int, char** given) {
    const int threads = std::atoi(given[1]), bursts = std::atoi(given[2]);
    double best = 0;
    volatile float kept = 0, seed = 0;
    for (int burst = 0; burst < bursts; ++burst) {
        const auto started = std::chrono::steady_clock::now();
        std::vector<std::thread> team;
        for (int i = 0; i < threads; ++i) team.emplace_back([&] { kept = spin(ROUNDS, seed); });
        for (std::thread& one : team) one.join();
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started;
        const double flops = 2.0 * WIDTH * CHAINS * ROUNDS * threads / seconds.count();
        if (flops > best) best = flops;
    }
    std::printf("%.1f\n", best / 1e9);
}
