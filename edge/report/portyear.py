"""One port's time, told apart: down, unknown, flaps, and what is excluded of its outages by which rules.

    time = told_apart(rows, stretch, entries, policy)      of a stretch of up to twelve months
    time.outage("evidence"), time.outage("conservative")   sets of spans
    time.excluded(outage, rules)                           reason -> spans, within the outage, each once

*Conservative*: time that nobody saw is an outage, and so is every flap.  *Evidence*: an outage is what was
seen as one; a silence shorter than the policy's flap_ms was none.

Rule 1: where intervals overlap (the clock was set back, starts fail) down is down, and up beats unknown.
Rule 2: silences with less than flap_ms between them are one: a port that answers once in a while is not up
        in between.  Only what stands alone and is short is a flap.
Rule 3: of several reasons for the same minute the first of model.exclusion.REASONS counts.
Rule 4: caps are spent in the order of time, over the twelve months, and on outage only.

Source: 23 CFR 680.116(b)(3); California: CEC EV charger reliability regulations, 20 CCR 3121 ff., as the
Commission's pages summarise them.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from edge.model.exclusion import (
    DISASTER,
    MAINTENANCE,
    REASONS,
    REPAIRED,
    UTILITY,
    VANDALISM,
    Exclusion,
)
from edge.model.portpolicy import DEFAULT, PortPolicy
from edge.model.records import PortInterval
from edge.model.units import DAY_MS, HOUR_MS
from edge.report.spans import Span, clip, difference, intersection, measure, union

FigureKind = Literal["conservative", "evidence"]

# Ends of what has no end: later than any report.
FOREVER_MS = 1 << 62


class Rules(msgspec.Struct, frozen=True):
    """What may be excluded.  per_incident_ms, per_year_ms: caps by reason; no cap where none is given."""

    name: str
    reasons: tuple[str, ...] = REASONS
    per_incident_ms: dict[str, int] = {}
    per_year_ms: dict[str, int] = {}


FEDERAL = Rules("23 CFR 680.116(b)")
CALIFORNIA = Rules(
    "23 CFR 680.116(b) with the exclusions and caps of the California Energy Commission",
    (UTILITY, MAINTENANCE, VANDALISM, DISASTER),
    {VANDALISM: 10 * DAY_MS},
    {MAINTENANCE: 72 * HOUR_MS},
)
RULES = {"federal": FEDERAL, "california": CALIFORNIA}


class Incident(msgspec.Struct, frozen=True):
    """One thing that is excluded, with its time, cut to nothing."""

    reason: str
    spans: list[Span]


class PortTime(msgspec.Struct, frozen=True):
    """A stretch of a port's time.  down and unknown do not overlap; flaps are within down, bridged is not."""

    stretch: Span
    down: list[Span]
    unknown: list[Span]
    flaps: list[Span]
    bridged: list[Span]
    incidents: list[Incident]

    def outage(self, kind: FigureKind) -> list[Span]:
        """Return the outage of a figure."""
        if kind == "conservative":
            return union([*self.down, *self.unknown, *self.bridged])
        return union([*difference(self.down, self.flaps), *self.bridged])

    def excluded(self, outage: list[Span], rules: Rules = FEDERAL) -> dict[str, list[Span]]:
        """Return what is taken out of an outage, by reason; the sets do not overlap."""
        left, found = outage, {}
        for reason in rules.reasons:
            own: list[Span] = []
            for incident in self.incidents:
                if incident.reason == reason:
                    cap_ms = rules.per_incident_ms.get(reason, FOREVER_MS)
                    own += first(intersection(incident.spans, left), cap_ms)
            taken = first(union(own), rules.per_year_ms.get(reason, FOREVER_MS))
            if taken:
                found[reason] = taken
                left = difference(left, taken)
        return found


def first(spans: list[Span], most_ms: int) -> list[Span]:
    """Return the beginning of a set, as long as it is at most."""
    found = []
    for begin, end in spans:
        if most_ms <= 0:
            break
        found.append((begin, min(end, begin + most_ms)))
        most_ms -= end - begin
    return found


def told_apart(
    own: Sequence[PortInterval],
    stretch: Span,
    entries: Iterable[Exclusion] = (),
    policy: PortPolicy = DEFAULT,
) -> PortTime:
    """Tell a stretch of one port apart.  entries: those that concern the port.

    An interval without an end lasts as long as the stretch.
    """

    def spans(rows: Iterable[PortInterval]) -> list[Span]:
        return union(
            (
                row.start_wall_ms,
                max(stretch[1], row.start_wall_ms) if row.end_wall_ms is None else row.end_wall_ms,
            )
            for row in rows
        )

    silence = next(rule.cause for rule in policy.rules if rule.seen == "silent")
    down = [row for row in own if row.state == "down"]
    silent = spans(row for row in down if row.cause == silence)
    other = spans(row for row in down if row.cause != silence)
    joined = _bridge(silent, policy.flap_ms)
    outages = union([*joined, *other])
    flaps = [
        span for span in outages if span[1] - span[0] < policy.flap_ms and not intersection([span], other)
    ]
    down_in = clip([*silent, *other], stretch)
    up = difference(clip(spans(row for row in own if row.state == "up"), stretch), down_in)
    return PortTime(
        stretch=stretch,
        down=down_in,
        unknown=difference(difference([stretch], down_in), up),
        flaps=clip(intersection(flaps, silent), stretch),
        bridged=clip(difference(difference(joined, silent), flaps), stretch),
        incidents=[*_seen(own, stretch), *_entered(entries, stretch)],
    )


def _bridge(spans: list[Span], gap_ms: int) -> list[Span]:
    """Return a set whose gaps shorter than gap_ms are filled."""
    found: list[Span] = []
    for begin, end in spans:
        if found and begin - found[-1][1] < gap_ms:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found


def _seen(own: Iterable[PortInterval], stretch: Span) -> list[Incident]:
    """Return what the gateway itself has seen to be excluded."""
    found = []
    for row in own:
        if row.excluded:
            end = stretch[1] if row.end_wall_ms is None else row.end_wall_ms
            found.append(Incident(row.excluded, clip([(row.start_wall_ms, end)], stretch)))
    return found


def _entered(entries: Iterable[Exclusion], stretch: Span) -> list[Incident]:
    """Return what people have entered and not withdrawn."""
    found = []
    for entry in entries:
        if entry.withdrawn_wall_ms is None and entry.reason != REPAIRED:
            end = stretch[1] if entry.end_wall_ms is None else entry.end_wall_ms
            found.append(Incident(entry.reason, clip([(entry.counts_from_ms(), end)], stretch)))
    return found


def length(by_reason: dict[str, list[Span]]) -> int:
    """Return how long all that is excluded is, in ms."""
    return sum(measure(spans) for spans in by_reason.values())
