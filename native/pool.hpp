// The pool of threads, which OpenMP keeps from call to call.
#pragma once

namespace unspool {

// Whether this process may ask for it: a forked one has none of its parent's threads, and would wait for them for ever.
bool has_pool();

} // namespace unspool
