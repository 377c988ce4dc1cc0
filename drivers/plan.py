"""Which reads fetch a set of rows: as few as the device bears.

A row is never split.  Registers that no row names are read along if the table allows gaps and the gap
is narrower than a second request would cost.
"""

from collections.abc import Iterable
from typing import NamedTuple

from drivers.table import Limits
from drivers.wire import Read, Space


class Span(NamedTuple):
    """Where a row's registers are.

    alone: must not be merged with others.  optional: may be refused, and must not take others along.
    """

    unit: int
    space: Space
    address: int
    size: int
    alone: bool
    optional: bool = False


def reads(spans: Iterable[Span], limits: Limits) -> list[Read]:
    """Plan the reads for some rows: those that must be there, then those that may be refused."""
    rows = sorted(set(spans))
    needed = _merged([s for s in rows if not s.optional], limits)
    perhaps = _merged([s for s in rows if s.optional], limits)
    return needed + [read for read in perhaps if not any(_covers(other, read) for other in needed)]


def _merged(spans: list[Span], limits: Limits) -> list[Read]:
    """Merge rows in the order of unit, space and address."""
    planned: list[Read] = []
    open_until = -1  # the end of the last read if more may be merged into it, else -1
    for span in spans:
        last = planned[-1] if planned else None
        alone = span.alone or limits.single
        end = span.address + span.size
        if last and last.end >= end and (last.unit, last.space) == (span.unit, span.space):
            continue  # a row within the registers of another, as two bit fields of one register
        if last and open_until >= 0 and not alone and _joins(last, span, limits):
            planned[-1] = Read(last.unit, last.space, last.address, _even(end - last.address, limits))
        else:
            planned.append(Read(span.unit, span.space, span.address, _even(span.size, limits)))
        open_until = -1 if alone else planned[-1].end
    return planned


def _covers(wide: Read, narrow: Read) -> bool:
    same = (wide.unit, wide.space) == (narrow.unit, narrow.space)
    return same and wide.address <= narrow.address and narrow.end <= wide.end


def _even(count: int, limits: Limits) -> int:
    return count + count % 2 if limits.even else count


def _joins(last: Read, span: Span, limits: Limits) -> bool:
    if (last.unit, last.space) != (span.unit, span.space):
        return False
    hole = span.address - last.end
    if hole > (limits.hole_max if limits.gaps else 0):
        return False
    return _even(span.address + span.size - last.address, limits) <= limits.read_max
