"""The recorded load of a stretch of time, with its gaps filled by the meter's own counter where it has one.

    recorded(blocks, from_wall_ms, to_wall_ms) -> Recorded

Rule 1: what was measured stays as it was measured.
Rule 2: what the counter counted on across a gap, less what was measured, is spread evenly over the gap's
        missing time.  It is energy of the bill, and no demand: nobody knows when it flowed.
Rule 3: what neither says is missing, and told as such; it is never made up.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import pairwise

import msgspec

from edge.core.peaks import Quarter
from edge.model.records import LoadBlock
from edge.model.units import HOUR_MS, QUARTER_MS

# No depot of ours takes more: a counter that jumps further was replaced or reset, and says nothing.
MOST_W = 20_000_000

# A gap shorter than this is left: the meter was asked a little late.
LEAST_GAP_MS = 60_000


class Recorded(msgspec.Struct, frozen=True):
    """A load.  measured_ms: by the meter's power; filled_ms: by its counter; missing_ms: nobody knows."""

    quarters: tuple[Quarter, ...]
    length_ms: int
    measured_ms: int
    filled_ms: int

    @property
    def missing_ms(self) -> int:
        """How much of the time nobody has seen."""
        return self.length_ms - self.measured_ms - self.filled_ms


def recorded(blocks: Iterable[LoadBlock], from_wall_ms: int, to_wall_ms: int) -> Recorded:
    """Return the load from one time to another, both whole quarters of UTC."""
    known = {b.start_wall_ms: b for b in blocks if from_wall_ms <= b.start_wall_ms < to_wall_ms}
    filled = dict(_filled(sorted(known.values(), key=lambda b: b.start_wall_ms)))
    quarters = []
    filled_ms = 0
    for start in sorted(known.keys() | filled.keys()):
        block = known.get(start)
        measured_ms = block.measured_ms if block else 0
        extra_wh = filled.get(start, Fraction(0))
        if start in filled:
            filled_ms += QUARTER_MS - measured_ms
        quarters.append(
            Quarter(
                start,
                block.import_wh if block else 0,
                block.export_wh if block else 0,
                measured_ms=measured_ms,
                filled_wh=extra_wh,
            )
        )
    measured_ms = sum(q.measured_ms for q in quarters)
    return Recorded(tuple(quarters), to_wall_ms - from_wall_ms, measured_ms, filled_ms)


def counted(before_wh: int, after_wh: int, passed_ms: int) -> int | None:
    """Return what a counter counted between two readings, None if it says nothing.

    A counter that has gone back has passed its end, a power of ten of kWh, if that is plausible for the time.
    """
    grown_wh = after_wh - before_wh
    if grown_wh < 0:
        end_wh = 1_000
        while end_wh <= before_wh:
            end_wh *= 10
        grown_wh += end_wh
    return grown_wh if grown_wh * HOUR_MS <= MOST_W * passed_ms else None


def _filled(blocks: list[LoadBlock]) -> Iterator[tuple[int, Fraction]]:
    """Yield what flowed in the missing part of quarters, as far as the counter says."""
    ends = [n for n, b in enumerate(blocks) if b.counter_wh is not None]
    for first, last in pairwise(ends):
        before, after, span = blocks[first], blocks[last], blocks[first + 1 : last + 1]
        starts = range(before.start_wall_ms + QUARTER_MS, after.start_wall_ms + QUARTER_MS, QUARTER_MS)
        measured_ms = {b.start_wall_ms: b.measured_ms for b in span}
        missing_ms = {start: QUARTER_MS - measured_ms.get(start, 0) for start in starts}
        whole_ms = sum(missing_ms.values())
        if whole_ms < LEAST_GAP_MS:  # a late reading or two: less than the counter's own step
            continue
        assert before.counter_wh is not None and after.counter_wh is not None
        grown_wh = counted(before.counter_wh, after.counter_wh, len(starts) * QUARTER_MS)
        rest_wh = -1 if grown_wh is None else grown_wh - sum(b.import_wh for b in span)
        if rest_wh >= 0:
            yield from ((start, Fraction(rest_wh * ms, whole_ms)) for start, ms in missing_ms.items() if ms)
