"""Whether a session's charging began when it was asked for, and how it ended.

    fold(row, attempt, before, seen, clock) -> (row, attempt)     one more look at a session
    given_up(row) -> row                                    at its end: a driver who went away with nothing

A start has *failed* where the vehicle asked for power (state C or D) and got none within START_MS although
current was offered, or where the charger went to state E or F instead; and where a vehicle that was offered
current took none at all and was gone within GIVEN_UP_MS.  One that stays plugged in and asks for nothing is
full, and one that we pause is waiting: neither is a failed start.

Source: ChargeX "charge start success" (power-delivery attempts per valid start); field reports that failed
handshakes often return to Available without Faulted, so that the state alone overstates a port.
"""

from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from edge.core.observation import Observation
from edge.model.records import Session
from edge.model.units import MINUTE_MS

# IEC 61851-1 gives a charger 5 s and a vehicle is expected to follow in as many; sequences with a handshake
# of isolation test and pre-charge take up to half a minute.
START_MS = MINUTE_MS
GIVEN_UP_MS = 15 * MINUTE_MS

ERRORS_MAX = 255  # EV-ChART's session_error


class Attempt(msgspec.Struct, frozen=True):
    """asking_ms: since when the vehicle asks for power and has none, monotonic.  failed: it was counted."""

    asking_ms: int | None = None
    failed: bool = False


class Before(NamedTuple):
    """The last look.  flowing: power flowed.  seen_ms, now_ms: monotonic; start_ms: of the session."""

    flowing: bool
    start_ms: int
    seen_ms: int
    now_ms: int
    hold_ms: int


def begun(seen: Observation, now_ms: int) -> Attempt:
    """Return the state of a session that begins with a look."""
    asks = seen.state in ("C", "D") and seen.offered and not seen.flowing
    return Attempt(now_ms if asks else None)


def fold(row: Session, attempt: Attempt, before: Before, seen: Observation) -> tuple[Session, Attempt]:
    """Take in a look at a charger that answers, and whose vehicle may just have gone."""
    since_ms = before.now_ms - before.start_ms
    held_ms = before.now_ms - before.seen_ms
    there = seen.vehicle_there is not False
    if seen.offered and there and held_ms <= before.hold_ms:
        row = replace(row, offered_ms=row.offered_ms + held_ms)
    if there and seen.soc_pm is not None:
        first = row.soc_start_pm if row.soc_start_pm is not None else seen.soc_pm
        row = replace(row, soc_start_pm=first, soc_end_pm=seen.soc_pm)
    if there and seen.flowing:
        first_ms = row.first_power_ms if row.first_power_ms is not None else since_ms
        return replace(row, first_power_ms=first_ms, last_power_ms=since_ms, stop=""), Attempt()
    if before.flowing:
        row = replace(row, stop=_stop(seen, there))
    if not there:
        return row, Attempt()
    return _asked(row, attempt, seen, before.now_ms)


def _asked(row: Session, attempt: Attempt, seen: Observation, now_ms: int) -> tuple[Session, Attempt]:
    """Count a start that has failed, once."""
    if seen.state in ("E", "F"):
        asked = attempt.asking_ms is not None or (row.first_power_ms is None and row.offered_ms > 0)
        failed = asked and not attempt.failed
        return replace(row, failed_starts=row.failed_starts + failed), Attempt(now_ms, True)
    if seen.state not in ("C", "D") or not seen.offered:
        return row, Attempt()
    if attempt.asking_ms is None:
        return row, Attempt(now_ms)
    if attempt.failed or now_ms - attempt.asking_ms < START_MS:
        return row, attempt
    return replace(row, failed_starts=row.failed_starts + 1), replace(attempt, failed=True)


def _stop(seen: Observation, there: bool) -> str:
    if not there:
        return "unplugged"
    if seen.state in ("E", "F"):
        return "fault"
    return "vehicle" if seen.offered else "paused"


def given_up(row: Session) -> Session:
    """Return the last row of a session; one that was offered current, took none and was short has failed."""
    gave_up = (
        row.end_reason == "unplugged"
        and row.first_power_ms is None
        and not row.failed_starts
        and row.offered_ms >= START_MS
        and row.duration_ms < GIVEN_UP_MS
    )
    return replace(row, failed_starts=1) if gave_up else row


def errors(known: str, shown: str) -> str:
    """Return the errors of a session with those that are shown now, each once, in the order of showing."""
    found = [part for part in known.split(", ") if part]
    found += [
        part for part in dict.fromkeys(p.strip() for p in shown.split(",")) if part and part not in found
    ]
    text = ", ".join(found)
    return text if len(text) <= ERRORS_MAX else known
