"""What the simulator's checkers have in common: a violation, a check, times of I5, what cannot be seen."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from edge.sim.depot import Look

# I5: sample 1 s, decide 0.2 s, write 2 s, then 5 s for the charger and 5 s for the vehicle.
SEEN_MS, DOWN_MS = 3_200, 13_200
FALLBACK_MS = 6_000  # 5 s of silence and a tick
FOUND_MS = 10_000 + FALLBACK_MS  # a device that has come back is looked for every 10 s at least
STARVED_MS = 900_000

CLASS_PCT = 0.5
NOISE_A = 0.3
NOTHING_A = 0.5  # a charger that draws less is not charging

KEPT_PM = 20  # a reading of a state of charge is in whole percents, and a second old

PHASES = ("L1", "L2", "L3")


class Violation(NamedTuple):
    """at_ms: monotonic.  rule: the invariant.  where: node and phase, or charger."""

    at_ms: int
    rule: str
    where: str
    says: str


class Check(Protocol):
    """One rule."""

    def see(self, look: Look) -> Iterator[Violation]:
        """Take the next moment, and yield what it broke."""


def tolerance_a(limit_a: float) -> float:
    """Return by how much a current may exceed a limit unseen."""
    return limit_a * CLASS_PCT / 100 + NOISE_A


class Lowest:
    """The lowest value of the last `span_ms`."""

    def __init__(self, span_ms: int) -> None:
        self.span_ms = span_ms
        self._kept: deque[tuple[int, float]] = deque()  # values rise from left to right

    def take(self, at_ms: int, value: float) -> float:
        """Add a value and return the lowest."""
        while self._kept and self._kept[-1][1] >= value:
            self._kept.pop()
        self._kept.append((at_ms, value))
        while self._kept[0][0] < at_ms - self.span_ms:
            self._kept.popleft()
        return self._kept[0][1]
