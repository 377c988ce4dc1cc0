"""Ports that show "available" and fail their starts, found out from the sessions.

    failing(sessions, repaired, policy) -> list[PortInterval]

A *failed session* is one in which power was asked for and never flowed (core/attempts.py).  After
policy.failed_starts of them in a row a port is held to be down, from the first of them on, until power flows
there again, or somebody enters that it was repaired.

Rule 1: where vehicles are known it takes more than one of them: a single one that fails may be at fault.
Rule 2: a failed start that went before one that succeeded in the same session is no failed session.
Rule 3: a start that failed by the vehicle (the policy's vehicle_codes) or by who plugged it in (USER_CODES)
        says nothing of the port: it neither counts nor ends a run.
Rule 4: the rows are made anew for every report and never kept: sessions are the record.

Source: 23 CFR 680.116(b)(3): a port is up only if it "successfully dispenses electricity"; field reports
that time-based uptime overstates for want of this.
"""

from collections.abc import Iterable, Mapping

from edge.model.portpolicy import DEFAULT, PortPolicy
from edge.model.records import PortInterval, Session

CAUSE = "fails its starts"

# MREC AuthorizationTimeout and PartialInsertion.
USER_CODES = ("CX009", "CX020")


def is_failed(row: Session) -> bool:
    """Say whether power was asked for in a session and never flowed."""
    return row.failed_starts > 0 and row.first_power_ms is None


def failing(
    sessions: Iterable[Session],
    repaired: Mapping[str, list[int]],
    policy: PortPolicy = DEFAULT,
) -> list[PortInterval]:
    """Return the stretches in which ports failed their starts, by port; without an end while it lasts.

    repaired: by port, when somebody entered that it was.
    """
    by_port: dict[str, list[Session]] = {}
    for row in sorted(sessions, key=lambda row: row.start_wall_ms):
        by_port.setdefault(row.port or row.charger, []).append(row)
    found: list[PortInterval] = []
    for port, own in sorted(by_port.items()):
        found += _of(port, own, sorted(repaired.get(port, [])), policy)
    return found


def _of(port: str, own: list[Session], repaired: list[int], policy: PortPolicy) -> list[PortInterval]:
    found: list[PortInterval] = []
    run: list[Session] = []
    for row in own:
        mended = next(
            (at for at in repaired if run and run[-1].start_wall_ms < at <= row.start_wall_ms), None
        )
        if mended is not None:
            found += _interval(port, run, mended, policy)
            run = []
        if is_failed(row):
            codes = set(row.error.split(", "))
            run += [row] if codes.isdisjoint((*policy.vehicle_codes, *USER_CODES)) else []
        elif row.first_power_ms is not None:
            found += _interval(port, run, row.start_wall_ms + row.first_power_ms, policy)
            run = []
    mended = next((at for at in repaired if run and run[-1].start_wall_ms < at), None)
    return found + _interval(port, run, mended, policy)


def _interval(
    port: str, run: list[Session], until_wall_ms: int | None, policy: PortPolicy
) -> list[PortInterval]:
    """Return the row of a run of failed sessions, none if it is too short or a single vehicle's."""
    vehicles = {row.vehicle for row in run}
    if len(run) < policy.failed_starts or (len(vehicles) == 1 and "" not in vehicles):
        return []
    start = run[0].start_wall_ms
    who = f" of {len(vehicles - {''})} vehicles" if "" not in vehicles else ""
    evidence = f"{len(run)} starts{who} failed in a row: {run[0].id} … {run[-1].id}"
    row = PortInterval(port, start, "down", CAUSE, evidence=evidence)
    if until_wall_ms is None:
        return [row]
    return [PortInterval(port, start, "down", CAUSE, until_wall_ms, until_wall_ms - start, evidence=evidence)]
