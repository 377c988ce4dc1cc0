"""How far long work is, and how long it will still take, on standard error."""

import sys
import time


class Progress:
    """One line that is drawn over at a terminal; elsewhere a line every five seconds."""

    def __init__(self, total: int) -> None:
        self._shown_at = float("-inf")
        self._total, self._done, self._began = max(total, 1), 0, time.monotonic()

    def step(self, what: str, count: int = 1) -> None:
        """Note that so many of the total are done."""
        self._done += count
        now = time.monotonic()
        terminal = sys.stderr.isatty()
        if now - self._shown_at < (0.2 if terminal else 5.0):
            return
        self._shown_at = now
        left_s = (now - self._began) / self._done * max(0, self._total - self._done)
        text = f"{what}: {min(100, 100 * self._done // self._total)} %, about {_duration(left_s)} left"
        print(
            f"\r\x1b[K{text}" if terminal else text, end="" if terminal else "\n", file=sys.stderr, flush=True
        )

    def skip(self, count: int) -> None:
        """Note that some need not be done."""
        self._total = max(self._done, self._total - count)

    @staticmethod
    def end() -> None:
        """Clear the line."""
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
