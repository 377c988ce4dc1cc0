"""What goes over the wire: one read, one write, and what comes back.  No sockets, no ports.

A reply to a Read is the words that were read (bits as 0 and 1), or the Modbus exception code as an
int.  A read that got no answer has no reply at all: it is missing from the mapping of replies.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

Space = Literal["holding", "input", "coil", "discrete"]

Words = tuple[int, ...]
Reply = Words | int

READ_FUNCTIONS: dict[Space, int] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
WRITE_FUNCTIONS = (5, 6, 15, 16)


class Read(msgspec.Struct, frozen=True):
    """Read count registers (or bits) of a space from a 0-based wire address."""

    unit: int
    space: Space
    address: int
    count: int

    @property
    def function(self) -> int:
        """The Modbus function code: 1, 2, 3 or 4."""
        return READ_FUNCTIONS[self.space]

    @property
    def end(self) -> int:
        """The address after the last one."""
        return self.address + self.count


class Write(msgspec.Struct, frozen=True):
    """Write words (bits as 0 and 1) to a 0-based wire address with function 5, 6, 15 or 16.

    volatile: False where the device keeps the value in memory that wears out; such a write is made
        once at commissioning and never in a cycle (I9).
    """

    unit: int
    function: int
    address: int
    words: Words
    volatile: bool = True

    @property
    def space(self) -> Space:
        """Where it writes: coils or holding registers."""
        return "coil" if self.function in (5, 15) else "holding"


Replies = Mapping[Read, Reply]
