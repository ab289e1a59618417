#include "pool.hpp"

#include <pthread.h>

namespace unspool {

namespace {

bool forked = false;
[[maybe_unused]] const int watching = pthread_atfork(nullptr, nullptr, [] { forked = true; });

} // namespace

bool has_pool() { return !forked; }

} // namespace unspool
