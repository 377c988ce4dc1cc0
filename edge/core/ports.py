"""States of ports as they unfold: up, down, unknown, with cause and evidence, as intervals without gaps.

    begin(restored, now_ms) -> Ports
    step(ports, observations, now_ms, wall_ms, wall_trusted, power_lost) -> (Ports, rows to keep)

model/portpolicy.py says which state and cause each thing that is seen has; when it holds is said in
`_holds` below.  A gateway that was off makes its ports unknown.

What counts as an outage is decided in report/uptime.py, not here: every change is kept as it was seen.

Rule 1: durations are monotonic.  While nobody has set the wall clock nothing is kept; once it is set,
        what was seen since the start is dated backwards from it.  So a machine without a clock of its own
        loses nothing by starting, and dates nothing by guess.
Rule 2: if the wall clock is set while we run, the interval ends and another begins: the two do not meet,
        and the report takes time that no interval covers as unknown.
Rule 3: "curtailed" is a matter of minutes: it comes and goes with every tick, and is taken up after
        STEADY_MS only.  All other changes are kept at once.
"""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from edge.core.observation import Observation
from edge.model.flow import Restored
from edge.model.portpolicy import DEFAULT, PortPolicy
from edge.model.records import Kept, PortInterval
from edge.model.units import MINUTE_MS

STEADY_MS = MINUTE_MS

# A charger that has not answered yet gets this long before it is silent: connecting and recognising it.
# Until then nothing is said of its port.
START_MS = 30_000

# A wall clock that differs by more from the monotonic one has been set, and not only trimmed.
CLOCK_SET_MS = 2_000

# What was seen before the clock was set, at most, per port.
UNDATED_MAX = 1_000


class Seen(msgspec.Struct, frozen=True):
    """What a port is in.  (state, cause) say whether two are the same; excluded and evidence go along."""

    state: str
    cause: str
    excluded: str = ""
    evidence: str = ""

    @property
    def kind(self) -> tuple[str, str]:
        return self.state, self.cause


class Stretch(msgspec.Struct, frozen=True):
    """An interval in monotonic time; until_ms None while it lasts."""

    seen: Seen
    from_ms: int
    until_ms: int | None = None


class Port(msgspec.Struct, frozen=True):
    """A port.  now: the stretch that lasts.  undated: those before it that no row was kept of.

    row: the row of `now`, None until the clock is trusted.  steady_ms: since when "curtailed" would be
    another state than now; None if it is not.
    """

    now: Stretch
    undated: tuple[Stretch, ...] = ()
    row: PortInterval | None = None
    steady_ms: int | None = None


class Ports(msgspec.Struct, frozen=True):
    """All ports.  before: their last rows from before the start, until they are seen and dated again.

    offset_ms: wall clock less monotonic clock, None until it was trusted once.
    """

    ports: dict[str, Port] = {}
    before: dict[str, PortInterval] = {}
    last_wall_ms: int | None = None
    begun_ms: int = 0
    offset_ms: int | None = None


def begin(restored: Restored, now_ms: int) -> Ports:
    """Take over the intervals that were open when the gateway last ran."""
    rows = [row for row in restored.kept if isinstance(row, PortInterval) and row.end_wall_ms is None]
    before = {row.port: row for row in sorted(rows, key=lambda row: row.start_wall_ms)}
    return Ports({}, before, restored.last_wall_ms, now_ms)


def step(
    ports: Ports,
    observations: Iterable[Observation],
    now_ms: int,
    wall_ms: int,
    wall_trusted: bool = True,
    *,
    power_lost: str = "",
    policy: PortPolicy = DEFAULT,
) -> tuple[Ports, list[Kept]]:
    """Fold one tick.  power_lost: how the main meter shows that the mains are gone, "" while they are not.

    Returns the new state, and the rows to keep in the order of happening.
    """
    rows: list[Kept] = []
    own = dict(ports.ports)
    for seen in observations:
        port = _fold(ports, seen, now_ms, power_lost, policy)
        if port is not None:
            own[seen.port] = port
    ports = replace(ports, ports=own)
    if wall_trusted:
        jump_ms = 0 if ports.offset_ms is None else wall_ms - now_ms - ports.offset_ms
        if ports.offset_ms is None:
            ports = replace(ports, offset_ms=wall_ms - now_ms)
        elif abs(jump_ms) > CLOCK_SET_MS:
            ended, ports = _dated(_clock_set(ports, now_ms, jump_ms), began=False)
            rows += ended
            ports = replace(ports, offset_ms=wall_ms - now_ms)
    changed, ports = _dated(ports)
    return ports, rows + changed


# --- what is seen -----------------------------------------------------------------------------------


def classify(seen: Observation, power_lost: str = "", policy: PortPolicy = DEFAULT) -> Seen:
    """Return the state of a port by the first rule of the policy that holds; "unknown" if none does."""
    for rule in policy.rules:
        if _holds(rule.seen, seen, power_lost, policy):
            evidence = {
                "no mains": power_lost,
                "silent": seen.why or "no answer",
                "stopped by board": _with_guard(seen.stopped, seen),
            }.get(rule.seen, _words(seen))
            return Seen(rule.state, rule.cause, rule.excluded, evidence)
    return Seen("unknown", "state", "", _words(seen))


def _holds(what: str, seen: Observation, power_lost: str, policy: PortPolicy) -> bool:
    """Say whether one of the words of the policy is true of a port.

    A silent charger says nothing but that.  A code that stands while power flows is an old one.
    """
    if what == "no mains":
        return bool(power_lost)
    if what == "silent" or not seen.online:
        return what == "silent" and not seen.online
    there = seen.vehicle_there
    match what:
        case "vehicle code":
            return seen.state in ("E", "F") and not _codes(seen).isdisjoint(policy.vehicle_codes)
        case "state E" | "state F":
            return seen.state == what[-1]
        case "port-down code":
            return bool(seen.error) and not seen.flowing and not _codes(seen).isdisjoint(policy.down_codes)
        case "stopped by board":
            return bool(seen.stopped)
        case "not operative":
            return seen.available is False
        case "cannot say":
            return there is None and not seen.flowing
        case "no vehicle":
            return there is False
        case "curtailed":
            return there is not False and seen.curtailed
        case _:
            return there is not False


def _codes(seen: Observation) -> set[str]:
    return set(seen.error.replace(" ", "").split(","))


def _words(seen: Observation) -> str:
    return _with_guard(f"state {seen.state}" + (f", {seen.error}" if seen.error else ""), seen)


def _with_guard(words: str, seen: Observation) -> str:
    """Add what is known of the relay that guards the port: its last self-test is part of the evidence."""
    return f"{words}; {seen.guarded}" if seen.guarded else words


def _fold(
    ports: Ports, observation: Observation, now_ms: int, power_lost: str, policy: PortPolicy
) -> Port | None:
    """Return a port after one more look; None while nothing can be said of it."""
    port = ports.ports.get(observation.port)
    seen = classify(observation, power_lost, policy)
    if port is None:
        asked = observation.online or power_lost or now_ms - ports.begun_ms >= START_MS
        return Port(Stretch(seen, now_ms)) if asked else None
    if seen.kind == port.now.seen.kind:
        return port if port.steady_ms is None else replace(port, steady_ms=None)
    if {seen.cause, port.now.seen.cause} == {"curtailed", "in use"}:
        since_ms = now_ms if port.steady_ms is None else port.steady_ms
        if now_ms - since_ms < STEADY_MS:
            return replace(port, steady_ms=since_ms)
        return _next(port, seen, since_ms)
    return _next(port, seen, now_ms)


def _next(port: Port, seen: Seen, from_ms: int) -> Port:
    """End the stretch that lasts and begin another.  The oldest undated ones go beyond UNDATED_MAX."""
    ended = replace(port.now, until_ms=from_ms)
    undated = (*port.undated, ended)[-UNDATED_MAX:]
    return replace(port, now=Stretch(seen, from_ms), undated=undated, steady_ms=None)


# --- when it was ------------------------------------------------------------------------------------


def _dated(ports: Ports, began: bool = True) -> tuple[list[Kept], Ports]:
    """Return rows for what has ended and, if wanted, what began; nothing while there is no date."""
    if ports.offset_ms is None:
        return [], ports
    rows: list[Kept] = []
    own: dict[str, Port] = {}
    before = dict(ports.before)
    for name, port in ports.ports.items():
        row = port.row
        if name in before:
            first = port.undated[0] if port.undated else port.now
            rows += _gap(before.pop(name), ports.last_wall_ms, first.from_ms + ports.offset_ms)
        for stretch in port.undated:
            row = _row(name, stretch, ports.offset_ms, row)
            rows.append(row)
            row = None
        if row is None and began:
            row = _row(name, port.now, ports.offset_ms, None)
            rows.append(row)
        own[name] = replace(port, undated=(), row=row)
    return rows, replace(ports, ports=own, before=before)


def _row(name: str, stretch: Stretch, offset_ms: int, begun: PortInterval | None) -> PortInterval:
    """Return a stretch as a row; `begun` is the row of its beginning where there was one."""
    start_wall_ms = begun.start_wall_ms if begun else stretch.from_ms + offset_ms
    row = PortInterval(
        port=name,
        start_wall_ms=start_wall_ms,
        state=stretch.seen.state,
        cause=stretch.seen.cause,
        excluded=stretch.seen.excluded,
        evidence=stretch.seen.evidence,
    )
    if stretch.until_ms is None:
        return row
    duration_ms = stretch.until_ms - stretch.from_ms
    return replace(row, end_wall_ms=start_wall_ms + duration_ms, duration_ms=duration_ms)


def _gap(row: PortInterval, last_wall_ms: int | None, seen_wall_ms: int) -> list[Kept]:
    """Return a row from before the start with its end, and the time until the port was seen again."""
    off_wall_ms = max(row.start_wall_ms, min(last_wall_ms or row.start_wall_ms, seen_wall_ms))
    duration_ms = off_wall_ms - row.start_wall_ms
    rows: list[Kept] = [replace(row, end_wall_ms=off_wall_ms, duration_ms=duration_ms)]
    if seen_wall_ms > off_wall_ms:
        unseen = PortInterval(
            port=row.port,
            start_wall_ms=off_wall_ms,
            state="unknown",
            cause="gateway off",
            end_wall_ms=seen_wall_ms,
            duration_ms=seen_wall_ms - off_wall_ms,
            evidence="from the last heartbeat to the first answer",
        )
        rows.append(unseen)
    return rows


def _clock_set(ports: Ports, now_ms: int, jump_ms: int) -> Ports:
    """End all stretches at the moment in which the clock was set, by the clock as it was before."""
    told = f"clock set by {jump_ms / 1000:+.0f} s"
    own = {}
    for name, port in ports.ports.items():
        if port.now.from_ms == now_ms:
            own[name] = port
            continue
        again = replace(port.now.seen, evidence=f"{port.now.seen.evidence}; {told}")
        own[name] = _next(port, again, now_ms)
    return replace(ports, ports=own)
