// Functions in headers are always inlined: one left as a function of its own, compiled for a newer processor, could be linked into code for an older.
#pragma once

#define UNSPOOL_INLINE inline __attribute__((always_inline))
