"""Lock-out: who fails again and again waits longer and longer.

    tries.wait_ms("account anna", now_ms) -> 0 or how long is left
    tries.failed("account anna", now_ms) -> how many have failed in a row
    tries.passed("account anna")

FREE failures cost nothing; each more doubles the wait, from a second to a quarter of an hour.  An hour
without a failure, or a success, forgets them.  Memory is bounded: of too many names, those that failed
longest ago are forgotten.
"""

from edge.model.units import HOUR_MS, MINUTE_MS, SECOND_MS

FREE = 5
WAIT_MAX_MS = 15 * MINUTE_MS
FORGOTTEN_MS = HOUR_MS
NAMES_MAX = 2_000


class Tries:
    """Who has failed how often, and when last.  Times are monotonic."""

    def __init__(self) -> None:
        self._failed: dict[str, tuple[int, int]] = {}

    def wait_ms(self, name: str, now_ms: int) -> int:
        """Return how long somebody must still wait; 0 if they may try."""
        count, at_ms = self._of(name, now_ms)
        if count < FREE:
            return 0
        wait_ms = min(SECOND_MS << min(count - FREE, 20), WAIT_MAX_MS)
        return max(0, at_ms + wait_ms - now_ms)

    def failed(self, name: str, now_ms: int) -> int:
        """Count a failure.  Returns how many it makes in a row."""
        count = self._of(name, now_ms)[0] + 1
        self._failed.pop(name, None)  # the latest stand last
        self._failed[name] = (count, now_ms)
        if len(self._failed) > NAMES_MAX:
            del self._failed[next(iter(self._failed))]
        return count

    def passed(self, name: str) -> None:
        """Forget the failures of somebody."""
        self._failed.pop(name, None)

    def _of(self, name: str, now_ms: int) -> tuple[int, int]:
        count, at_ms = self._failed.get(name, (0, 0))
        return (0, 0) if now_ms - at_ms >= FORGOTTEN_MS else (count, at_ms)
