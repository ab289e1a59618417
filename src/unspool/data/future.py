"""What is known of each step of the horizon: columns known ahead of time, and the targets some steps before it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unspool.data.features import DAY, SECOND, local_time, utc_time
from unspool.data.windows import future_index

Singles = NDArray[np.float32]


def future_features(
    known: Singles, targets: Singles, origins: NDArray[np.int64], horizon: int, lags: Sequence[int]
) -> tuple[Singles, NDArray[np.bool_]]:
    """The same for a whole record and for one live step, so that the two cannot differ.

    known    (T', F)  of every step; may go on beyond the last target
    targets  (T, D)   scaled, NaN where unknown
    origins  (O,)     the last step that was seen
    lags     steps before a forecast step, each at least the horizon, so that the target there was seen
    returns  (O, L, F + len(lags) D): known, then the targets of the first lag, of the second ...; and (O,) False, its
             row zero, where a lag reaches before the record or an unknown target, or `known` ends before the horizon
    """
    ahead = future_index(origins, horizon)
    rows, features, width = len(ahead), known.shape[1], targets.shape[1]
    joined = np.zeros((rows, horizon, features + width * len(lags)), np.float32)
    complete = np.ones(rows, np.bool_)
    if features:
        complete &= ahead[:, -1] < len(known)
    for lag in lags:
        complete &= ahead[:, 0] >= lag
    whole = np.flatnonzero(complete)
    if features:
        joined[whole, :, :features] = known[ahead[whole]]
    for index, lag in enumerate(lags):
        start = features + index * width
        joined[whole, :, start : start + width] = targets[ahead[whole] - lag]
    unknown = np.isnan(joined).any(axis=(1, 2))
    joined[unknown] = 0
    return joined, complete & ~unknown


def stamps_ahead(now: int, steps: int, frequency_seconds: float, timezone: str) -> NDArray[np.datetime64]:
    """(L,) UTC stamps of the steps after `now`, in microseconds since 1970. Whole days go by the local clock where `now` is a local midnight."""
    # Microseconds are counted from now, so that no rounding grows along the horizon.
    counts = np.rint(np.arange(1, steps + 1) * (frequency_seconds * SECOND)).astype(np.int64)
    if round(frequency_seconds * SECOND) % DAY == 0:
        local = int(local_time(np.array([now], np.int64).view("datetime64[us]"), timezone)[0])
        if local % DAY == 0:
            return utc_time(local + counts, timezone)[0]
    return (now + counts).view("datetime64[us]")
