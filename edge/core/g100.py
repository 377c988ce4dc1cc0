"""British import limits, ENA EREC G100 Issue 2: excursions are counted, and too many lock charging out.

    count = step(count, power_w, limit_w, passed_ms)       every tick
    count, why = reset(count, premises, installer)         somebody takes the lockout back

    within ──above the limit──> excursion ──15 s──> counted ──60 s, or 2 in 10 min, or 3 in all──> lockout
      ^                            |                   |                                             |
      └────────────────────────────┴───────────────────┴──── 4 h (commercial), a user, an installer ─┘

Rule 1: all times are on a clock that runs only while we do, and is kept: what was counted survives a
    restart, and a lockout is not shortened by switching off.
Rule 2: an unknown power is no excursion; then the chargers are at their fallback, which is proved to fit.

Source: ENA EREC G100 Issue 2 as published by National Grid (15 s, 60 s) and coded in node-red-contrib-g100
(counts, resets); the text itself should be read before this is relied on for a connection.
"""

from typing import Literal

import msgspec

from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

COUNTS_AFTER_MS = 15 * SECOND_MS
LOCKS_AFTER_MS = 60 * SECOND_MS
WINDOW_MS, IN_WINDOW = 10 * MINUTE_MS, 2
IN_ALL = 3
COMMERCIAL_MS = 4 * HOUR_MS
USER_RESETS, USER_RESETS_MS = 3, 30 * DAY_MS

Premises = Literal["commercial", "domestic"]


class Count(msgspec.Struct, frozen=True):
    """What was counted.  ran_ms: the clock.  since_ms: of the excursion that goes on, None without one.

    excursions: counted since the last reset.  resets: by users.
    """

    ran_ms: int = 0
    since_ms: int | None = None
    counted: bool = False
    excursions: tuple[int, ...] = ()
    locked_ms: int | None = None
    resets: tuple[int, ...] = ()


def step(count: Count, power_w: int | None, limit_w: int, premises: Premises, passed_ms: int) -> Count:
    """Return the count after some time with this import; None while it is unknown."""
    now = count.ran_ms + max(0, passed_ms)
    count = msgspec.structs.replace(count, ran_ms=now)
    if count.locked_ms is not None:
        ended = premises == "commercial" and now - count.locked_ms >= COMMERCIAL_MS
        return _cleared(count) if ended else count
    if power_w is None or power_w <= limit_w:
        return msgspec.structs.replace(count, since_ms=None, counted=False)
    since = now if count.since_ms is None else count.since_ms
    counted = count.counted or now - since >= COUNTS_AFTER_MS
    excursions = count.excursions
    if counted and not count.counted:
        excursions = (*excursions, now)
    lately = sum(1 for each in excursions if now - each <= WINDOW_MS)
    locks = now - since >= LOCKS_AFTER_MS or lately >= IN_WINDOW or len(excursions) >= IN_ALL
    if locks:
        return msgspec.structs.replace(
            count, since_ms=None, counted=False, excursions=excursions, locked_ms=now
        )
    return msgspec.structs.replace(count, since_ms=since, counted=counted, excursions=excursions)


def reset(count: Count, premises: Premises, installer: bool) -> tuple[Count, str]:
    """Return the count after somebody took the lockout back, and why they may not ("" if they may)."""
    if count.locked_ms is None:
        return count, "there is no lockout"
    if installer:
        return msgspec.structs.replace(_cleared(count), resets=()), ""
    if premises == "commercial":
        left_min = -(-(COMMERCIAL_MS - (count.ran_ms - count.locked_ms)) // MINUTE_MS)
        return count, f"only an installer may; it ends by itself in {left_min} min"
    lately = tuple(each for each in count.resets if count.ran_ms - each < USER_RESETS_MS)
    if len(lately) >= USER_RESETS:
        return count, f"users have done so {USER_RESETS} times in 30 days; only an installer may"
    return msgspec.structs.replace(_cleared(count), resets=(*lately, count.ran_ms)), ""


def _cleared(count: Count) -> Count:
    return msgspec.structs.replace(count, since_ms=None, counted=False, excursions=(), locked_ms=None)
