"""A value that follows another after a while: how fast a charger's pilot and a vehicle react."""

from collections import deque


class Delayed:
    """Follows what it is shown, `delay_ms` later, every step in order.

    So a short dip is seen as a short dip, later; nothing is swallowed.
    """

    def __init__(self, delay_ms: int, value: float = 0.0) -> None:
        self.delay_ms = delay_ms
        self.value = value
        self._shown = value
        self._due: deque[tuple[int, float]] = deque()

    def follow(self, value: float, now_ms: int) -> float:
        """Show `value` now; return what was shown `delay_ms` ago."""
        if value != self._shown:
            self._shown = value
            self._due.append((now_ms + self.delay_ms, value))
        while self._due and self._due[0][0] <= now_ms:
            self.value = self._due.popleft()[1]
        return self.value
