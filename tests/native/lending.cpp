// Two threads share a loop, and the first one's first piece takes until all else is done: that is by the second, which waits for the first to begin and takes
// what it has not begun, from the end, where the loop is lent: `lending 1`, or `lending 0`. Prints whether each thing was done once, and how many were taken.
#include <atomic>
#include <chrono>

#include "race.hpp"

namespace {

constexpr std::ptrdiff_t COUNT = 23, EACH = 3;

} // namespace

int main(int, char** given) {
    const bool lent = std::atoi(given[1]);
    std::atomic<int> done{0}, taken{0};
    std::atomic<bool> begun{false};
    std::vector<std::atomic<int>> times(COUNT);
    together(2, [&](const unspool::Team& team) {
        bool first = true;
        const unspool::Range part = team.part(COUNT);
        team.share(lent, COUNT, 1, EACH, [&](const unspool::Range& some) {
            const auto end = std::chrono::steady_clock::now() + (lent ? std::chrono::seconds(20) : std::chrono::milliseconds(50));
            if (team.thread == 0) begun = true;
            while (!begun) std::this_thread::yield();
            while (team.thread == 0 && first && done < COUNT - EACH && std::chrono::steady_clock::now() < end) std::this_thread::yield();
            first = false;
            for (std::ptrdiff_t i = some.first; i < some.last; ++i) ++times[i];
            if (some.first < part.first || some.last > part.last) taken += static_cast<int>(some.count());
            done += static_cast<int>(some.count());
        });
    });
    bool once = true;
    for (const auto& each : times) once = once && each == 1;
    std::printf("once %d, taken %d", once, taken.load());
}
