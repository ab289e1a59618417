// Whether subnormal numbers are there: before, while they are zeros, after such a while within, and after it all.
#include "subnormals.hpp"

#include <cstdio>

namespace {

volatile float small = 1.3e-38f, tenth = 0.1f;

bool are_there() { return small * tenth != 0; }

} // namespace

int main() {
    std::printf("%d", are_there());
    {
        const unspool::SubnormalsAreZeros outer;
        std::printf("%d", are_there());
        { const unspool::SubnormalsAreZeros inner; }
        std::printf("%d", are_there());
    }
    std::printf("%d", are_there());
}
