"""Outages and maintenance as people enter them: checked, with errors that say what was expected.

    depot outage …        what has happened: vandalism, a disaster, the utility, a vehicle; and repairs
    depot maintenance …   what will be done, announced beforehand

Rule 1: maintenance must be entered before it begins, anything else after it began: so says the regulation's
        word "scheduled", and so nobody excludes what has not happened.
Rule 2: nothing is excluded without evidence, in words.
Rule 3: an entry is withdrawn, never changed; only an end that nobody knew may be added.

Times are ISO 8601, local to the site where they have no offset.  Source: 23 CFR 680.116(b)(3).
"""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from edge.model.exclusion import DISASTER, MAINTENANCE, REPAIRED, UTILITY, VANDALISM, VEHICLE, Exclusion
from edge.model.site import Site
from edge.model.units import DAY_MS, SECOND_MS
from edge.shell.answers import DeskError, UnknownError

# What people type -> the reason.
KINDS = {
    "vandalism": VANDALISM,
    "disaster": DISASTER,
    "utility": UTILITY,
    "vehicle": VEHICLE,
    "maintenance": MAINTENANCE,
    "repaired": REPAIRED,
}

EVIDENCE_MIN, EVIDENCE_MAX = 5, 255  # EV-ChART's excluded_outage_notes takes 255
LONGEST_MS = 366 * DAY_MS


class ExclusionWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry as a person asks for it.  kind: a key of KINDS.  ports: port ids, none for all.

    to_time: "" while nobody knows.
    """

    kind: str
    ports: list[str]
    from_time: str
    to_time: str
    evidence: str


class ExclusionStatus(msgspec.Struct, frozen=True):
    """An entry as it is shown: times as ISO 8601 of the site, "" where there is none."""

    id: str
    reason: str
    ports: list[str]
    from_time: str
    to_time: str
    entered: str
    who: str
    evidence: str
    withdrawn: str
    withdrawn_because: str


def checked(wish: ExclusionWish, site: Site, taken: Iterable[str], wall_ms: int, who: str) -> Exclusion:
    """Return the wish as an entry.  taken: ids that exist.  Raises DeskError naming key and expectation."""
    if wish.kind not in KINDS:
        raise DeskError(f"kind: {wish.kind!r} is not known; expected one of {', '.join(KINDS)}")
    reason = KINDS[wish.kind]
    start_ms = moment("from", wish.from_time, site.timezone)
    end_ms = moment("to", wish.to_time, site.timezone) if wish.to_time else None
    if reason == REPAIRED:
        end_ms = start_ms
    elif end_ms is not None and not start_ms < end_ms <= start_ms + LONGEST_MS:
        raise DeskError(f"to: {wish.to_time} expected after {wish.from_time}, and within a year of it")
    if reason == MAINTENANCE:
        if end_ms is None:
            raise DeskError("to: missing; scheduled maintenance has an end")
        if start_ms < wall_ms:
            raise DeskError(
                f"from: {wish.from_time} is past; maintenance is announced before it begins "
                "(what has happened is entered by `depot outage add`)"
            )
    elif max(start_ms, end_ms or 0) > wall_ms:
        raise DeskError(
            "from, to: expected what has happened already; leave --to out while it lasts "
            "(what is planned is entered by `depot maintenance add`)"
        )
    return Exclusion(
        id=_id(wish.kind, wall_ms, set(taken)),
        reason=reason,
        ports=",".join(_ports(wish.ports, site)),
        start_wall_ms=start_ms,
        end_wall_ms=end_ms,
        entered_wall_ms=wall_ms,
        who=who,
        evidence=_evidence("evidence", wish.evidence),
    )


def ended(entry: Exclusion, to_time: str, site: Site, wall_ms: int) -> Exclusion:
    """Return an entry with the end that nobody knew.  Raises DeskError."""
    if entry.withdrawn_wall_ms is not None:
        raise DeskError(f"id: {entry.id} was withdrawn")
    if entry.end_wall_ms is not None:
        raise DeskError(f"id: {entry.id} has an end; withdraw it and enter it anew")
    end_ms = moment("to", to_time, site.timezone)
    if not entry.start_wall_ms < end_ms <= wall_ms:
        raise DeskError(f"to: {to_time}: expected after its start, and not in the future")
    return replace(entry, end_wall_ms=end_ms)


def withdrawn(entry: Exclusion, because: str, wall_ms: int) -> Exclusion:
    """Return an entry that does not count any more.  Raises DeskError."""
    if entry.withdrawn_wall_ms is not None:
        raise DeskError(f"id: {entry.id} was withdrawn before")
    return replace(entry, withdrawn_wall_ms=wall_ms, withdrawn_because=_evidence("because", because))


def found(entry_id: str, known: Iterable[Exclusion]) -> Exclusion:
    """Return the entry of an id.  Raises UnknownError."""
    by_id = {entry.id: entry for entry in known}
    if entry_id not in by_id:
        raise UnknownError(f"id: there is no entry {entry_id!r}; `depot outage list` shows them")
    return by_id[entry_id]


def shown(entry: Exclusion, timezone: str) -> ExclusionStatus:
    """Return an entry as people read it."""

    def when(wall_ms: int | None) -> str:
        if wall_ms is None:
            return ""
        return datetime.fromtimestamp(wall_ms / SECOND_MS, ZoneInfo(timezone)).isoformat(timespec="minutes")

    return ExclusionStatus(
        id=entry.id,
        reason=entry.reason,
        ports=entry.ports.split(",") if entry.ports else [],
        from_time=when(entry.start_wall_ms),
        to_time=when(entry.end_wall_ms),
        entered=when(entry.entered_wall_ms),
        who=entry.who,
        evidence=entry.evidence,
        withdrawn=when(entry.withdrawn_wall_ms),
        withdrawn_because=entry.withdrawn_because,
    )


def moment(key: str, text: str, timezone: str) -> int:
    """Return a time as UTC ms.  Raises DeskError."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise DeskError(f'{key}: {text!r}: expected a time such as "2026-10-03 14:00"') from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=ZoneInfo(timezone))
    return int(at.timestamp() * SECOND_MS)


def _ports(ports: list[str], site: Site) -> list[str]:
    known = {c.id: c.port or c.id for c in site.chargers}
    known |= {port: port for port in known.values()}
    for port in ports:
        if port not in known:
            raise UnknownError(f"port: there is no {port!r}; expected one of {', '.join(sorted(known))}")
    return sorted({known[port] for port in ports})


def _evidence(key: str, text: str) -> str:
    text = text.strip()
    if not EVIDENCE_MIN <= len(text) <= EVIDENCE_MAX or not text.isprintable():
        raise DeskError(
            f"{key}: expected {EVIDENCE_MIN} to {EVIDENCE_MAX} printable characters: what shows it, "
            "such as the number of a police report"
        )
    return text


def _id(kind: str, wall_ms: int, taken: set[str]) -> str:
    while (name := f"{kind}-{wall_ms:x}") in taken:
        wall_ms += 1
    return name
