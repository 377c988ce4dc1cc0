"""What golden files say about a device's control, read by hand-made lines, not by drivers/."""

import struct
from fractions import Fraction

from drivers.wire import Write
from tests.drivers.golden import Golden


class Meaning:
    """What the words of a setpoint mean: "ADDRESS TYPE FACTOR A|W|W1 [little]" of the golden file.

    W: watts for three conductors; W1: for one, because nobody can see how many the vehicle uses.
    """

    def __init__(self, golden: Golden) -> None:
        self.current = golden.head["current"].split()
        self.address = int(self.current[0], 0)
        low, high = golden.head["range"].removesuffix("A").split("..")
        self.min_ma, self.max_ma = int(Fraction(low) * 1000), int(Fraction(high) * 1000)

    @property
    def in_watts(self) -> bool:
        return self.current[3] in ("W", "W1")

    @property
    def phases(self) -> int:
        return 1 if self.current[3] == "W1" else 3

    def count(self, words: tuple[int, ...]) -> Fraction:
        """Turn the words into a number of the manual's unit."""
        if self.current[-1] == "little":
            words = words[::-1]
        data = struct.pack(f">{len(words)}H", *words)
        kind = {"u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "f32": ">f"}[self.current[1]]
        return Fraction(struct.unpack(kind, data)[0]) * Fraction(self.current[2])

    def of(self, writes: list[Write]) -> list[Fraction]:
        """Return the amperes (or watts) of the writes that go to the setpoint."""
        return [self.count(w.words) for w in writes if w.address == self.address and w.function != 5]
