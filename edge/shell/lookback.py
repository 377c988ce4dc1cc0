"""The last quarter of an hour of decisions, second by second, in little memory: for "why 12 A at 14:03?".

A depot of 60 bays fills about 2 MB.  Ticks are found by their UTC time; where the wall clock was set
back, the newest tick of that time is the answer.
"""

import zlib
from collections import deque
from collections.abc import Iterator

import msgspec

from edge.model.records import TickRecord

KEEP_MS = 15 * 60_000

# A tick answers for its own second; where one is late, for as long as a setpoint is good.
HOLDS_MS = 10_000


class Lookback:
    """Keep the ticks of the last `keep_ms`, by the monotonic clock."""

    def __init__(self, keep_ms: int = KEEP_MS) -> None:
        self._keep_ms = keep_ms
        self._ticks: deque[tuple[int, int, bytes]] = deque()  # at_ms, wall_ms, packed record
        self._pack = msgspec.msgpack.Encoder()
        self._unpack = msgspec.msgpack.Decoder(TickRecord)

    def __len__(self) -> int:
        return len(self._ticks)

    @property
    def bytes_kept(self) -> int:
        """Return how much the records take up."""
        return sum(len(packed) for _, _, packed in self._ticks)

    def add(self, record: TickRecord) -> None:
        """Keep a tick, and let go of those that are too old."""
        self._ticks.append((record.at_ms, record.wall_ms, zlib.compress(self._pack.encode(record), 1)))
        while self._ticks[0][0] < record.at_ms - self._keep_ms:
            self._ticks.popleft()

    def at(self, wall_ms: int) -> TickRecord | None:
        """Return the tick that held at a UTC time; None where none of these did."""
        for _, tick_wall_ms, packed in reversed(self._ticks):
            if tick_wall_ms <= wall_ms:
                return self._record(packed) if wall_ms < tick_wall_ms + HOLDS_MS else None
        return None

    def __iter__(self) -> Iterator[TickRecord]:
        """Yield the kept ticks, oldest first."""
        return (self._record(packed) for _, _, packed in list(self._ticks))

    def _record(self, packed: bytes) -> TickRecord:
        return self._unpack.decode(zlib.decompress(packed))
