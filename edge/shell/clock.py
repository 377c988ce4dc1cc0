"""The clocks of the gateway, in one place, so that tests can hand in others.

A gateway may have no real-time clock: until something has set it, the wall clock is somewhere in the past.
It is trusted once it is later than this release and than everything that the store remembers.
"""

import time

# No gateway of this release was ever on before it: 2026-11-01T00:00:00Z.
RELEASED_WALL_MS = 1_793_491_200_000


class Clock:
    """now_ms: monotonic.  wall_ms: UTC.  last_wall_ms: the latest that the store remembers, 0 for none."""

    def __init__(self, last_wall_ms: int = 0) -> None:
        self.last_wall_ms = last_wall_ms

    def now_ms(self) -> int:
        """Return monotonic milliseconds."""
        return time.monotonic_ns() // 1_000_000

    def wall_ms(self) -> int:
        """Return UTC milliseconds since 1970, whether they can be trusted or not."""
        return time.time_ns() // 1_000_000

    def wall_trusted(self) -> bool:
        """Say whether the wall clock has been set."""
        return self.wall_ms() >= max(RELEASED_WALL_MS, self.last_wall_ms)
