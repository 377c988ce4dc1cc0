"""Outages as rows: every one cut at the ends of months and where an exclusion begins or ends.

    pieces(records, months, timezone, until_wall_ms, kind) -> list[OutagePiece]

Rule 1: a piece is wholly excluded or not at all, so that sums of pieces are the figures of report/uptime.py,
        month by month, to the millisecond.
Rule 2: a piece is known by its port and start: the same evidence gives the same ids, whoever asks and when.
Rule 3: what began before the month has a piece that begins with the month, by the reporting time zone.
"""

from collections.abc import Iterable

import msgspec

from edge.model.exclusion import Exclusion
from edge.model.records import PortInterval
from edge.report.portyear import FigureKind, PortTime, Rules
from edge.report.spans import Span, clip, difference, intersection
from edge.report.uptime import Records, clip_end, failing_rows, months_ending, port_years

EVIDENCE_MAX = 255


class OutagePiece(msgspec.Struct, frozen=True):
    """A piece of an outage.  cause: of the record that covers its beginning; excluded: "" or the reason.

    ends: whether it is over; a piece that lasts is as long as the records.
    """

    port: str
    start_wall_ms: int
    end_wall_ms: int
    cause: str
    excluded: str
    evidence: str
    ends: bool

    @property
    def duration_ms(self) -> int:
        return self.end_wall_ms - self.start_wall_ms


def pieces(
    records: Records, months: Iterable[str], timezone: str, until_wall_ms: int, kind: FigureKind
) -> list[OutagePiece]:
    """Return the pieces of all outages of some months, by port and start.  Raises ValueError for no month."""
    found: list[OutagePiece] = []
    by_port: dict[str, list[PortInterval]] = {}
    for row in [*records.intervals, *failing_rows(records)]:
        by_port.setdefault(row.port, []).append(row)
    for month in months:
        this = clip_end(months_ending(month, 1, timezone), until_wall_ms)
        for port, time, _ in port_years(records, month, timezone, until_wall_ms):
            entries = [entry for entry in records.entries if entry.concerns(port)]
            for span, reason in _cut(time, this, kind, records.rules):
                cause, evidence = _why(by_port.get(port, []), entries, span[0], reason)
                found.append(OutagePiece(port, *span, cause, reason, evidence, span[1] < until_wall_ms))
    return sorted(found, key=lambda piece: (piece.port, piece.start_wall_ms))


def _cut(time: PortTime, this: Span, kind: FigureKind, rules: Rules) -> list[tuple[Span, str]]:
    outage = time.outage(kind)
    left, cut = clip(outage, this), []
    for reason, spans in time.excluded(outage, rules).items():
        out = intersection(left, clip(spans, this))
        cut += [(span, reason) for span in out]
        left = difference(left, out)
    return [*cut, *((span, "") for span in left)]


def _why(
    rows: Iterable[PortInterval], entries: Iterable[Exclusion], at_wall_ms: int, reason: str
) -> tuple[str, str]:
    """Return cause and evidence of a piece, by its beginning; an entry that excludes it is its evidence."""
    covering = [row for row in rows if _covers(row.start_wall_ms, row.end_wall_ms, at_wall_ms)]
    covering.sort(key=lambda row: row.state != "down")
    cause, evidence = (covering[0].cause, covering[0].evidence) if covering else ("not recorded", "")
    for entry in entries:
        counts = entry.reason == reason and entry.withdrawn_wall_ms is None
        if counts and _covers(entry.counts_from_ms(), entry.end_wall_ms, at_wall_ms):
            evidence = f"{entry.id}: {entry.evidence}"
    return cause, evidence[:EVIDENCE_MAX]


def _covers(start_wall_ms: int, end_wall_ms: int | None, at_wall_ms: int) -> bool:
    return start_wall_ms <= at_wall_ms and (end_wall_ms is None or end_wall_ms > at_wall_ms)
