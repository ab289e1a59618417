// A team of `meeting N` threads meets a thousand times. Each writes down how often it has come, plainly, and reads what all others have written of the same
// time: whoever went on too early would read less, and a word that is read while it is written is what the thread sanitizer tells. Prints how often it was so.
#include <atomic>

#include "race.hpp"

namespace {

constexpr int TIMES = 1000;

} // namespace

int main(int, char** given) {
    const int threads = std::atoi(given[1]);
    std::vector<int> come(threads);
    std::atomic<int> early{0};
    together(threads, [&](const unspool::Team& team) {
        for (int time = 1; time <= TIMES; ++time) {
            if ((time + team.thread) % 7 == 0) std::this_thread::yield(); // now one is late, now another
            come[team.thread] = time;
            team.wait();
            for (const int other : come) early += other != time;
            team.wait();
        }
    });
    std::printf("%d", early.load());
}
