"""What a Device tells the bus master about itself: polls, pacing, supervision, and who it is not."""

from typing import Literal

import msgspec

from drivers.table import Fallback, Supervised
from drivers.wire import Read

# Modbus Application Protocol V1.1b3, 7.
EXCEPTIONS = {
    1: "illegal function", 2: "illegal address", 3: "illegal value", 4: "device failure",
    5: "acknowledge", 6: "busy", 8: "memory parity", 10: "gateway path", 11: "gateway target silent",
}  # fmt: skip


class NotRecognised(Exception):
    """The device is not of this family, or did not answer.  expected, found: in words."""

    def __init__(self, driver: str, expected: str, found: str) -> None:
        super().__init__(f"is no {driver}: expected {expected}; found {found}")
        self.expected, self.found = expected, found


class Poll(msgspec.Struct, frozen=True):
    """Reads that belong together.  every_ms: the period at which they are wanted."""

    name: Literal["fast", "slow"]
    reads: tuple[Read, ...]
    every_ms: int


class Pacing(msgspec.Struct, frozen=True):
    """What the device bears; the bus master keeps to it.  0 is no limit (timeout: the line's own)."""

    gap_ms: int
    read_every_ms: int
    write_every_ms: int
    change_every_ms: int
    timeout_ms: int
    clients: int
    connection_s: int
    idle_s: int


class Supervision(msgspec.Struct, frozen=True):
    """How the device notices that we are silent.

    every_ms: keep_alive() is due at least this often, at most half of time_ms; 0 for never.
    time_ms: the device's time, 0 for unknown.  fallback: what becomes of the current then.
    """

    kind: Supervised
    every_ms: int
    time_ms: int
    fallback: Fallback
