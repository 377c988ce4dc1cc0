"""Why a charger gets what it gets: the figures behind the reason, and a sentence (I7).

Two sources: a tick's record (now, and the last quarter of an hour) knows every node's figures; the store
knows every change of a grant for as long as it keeps them.
"""

from zoneinfo import ZoneInfo

from edge.model.records import ChargerNow, Decision, EventNow, NodeNow, TickRecord
from edge.model.site import Charger, Site
from edge.model.units import PHASE_NAMES
from edge.shell.answers import Bind, Why
from edge.shell.words import amps, clock, state

# What the core says of a charger that no limit holds back.
ALL_THAT_IT_CAN_USE = "gets all that it can use"

# A node has no room on a phase where less than this is free: IEC 61851-1 chargers work in steps near 1 A.
FULL_BELOW_MA = 1_000


def from_record(record: TickRecord, site: Site, charger: Charger, source: str, now_ms: int) -> Why | None:
    """Return why a charger got what it got in this tick; None where the tick did not know it.

    now_ms: UTC, for naming the day.
    """
    now = next((c for c in record.chargers if c.id == charger.id), None)
    if now is None:
        return None
    zone = ZoneInfo(site.timezone)
    path = binds(record, site, charger, now.because)
    silent = silent_meter(record, site, charger)
    return Why(
        charger=charger.id,
        source=source,
        wall_ms=record.wall_ms,
        time=clock(record.wall_ms, zone, now_ms, seconds=True),
        granted_ma=now.granted_ma,
        because=now.because,
        asked_ma=now.asked_ma,
        asked_because=now.asked_because,
        detail=record.fallback,
        path=path,
        words=_sentence(now, path, silent),
        would_change=_would_change(now, path, silent, record, site),
    )


def from_decision(decision: Decision, zone: ZoneInfo | None, now_ms: int) -> Why:
    """Return why a charger got what it got, from the latest change of its grant.

    zone: of the site; None for the one of this machine.
    """
    since = clock(decision.wall_ms, zone, now_ms, seconds=True)
    asked = f" ({decision.asked_because})" if decision.asked_because else ""
    detail = f" {_ended(decision.detail)}" if decision.detail else ""
    words = (
        f"{decision.charger} got {amps(decision.current_ma)} from {since} because "
        f"{_ended(decision.because)}{detail} It asked for {amps(decision.asked_ma)}{asked}."
    )
    return Why(
        charger=decision.charger,
        source="store",
        wall_ms=decision.wall_ms,
        time=since,
        granted_ma=decision.current_ma,
        because=decision.because,
        asked_ma=decision.asked_ma,
        asked_because=decision.asked_because,
        detail=decision.detail,
        path=[],
        words=words,
        would_change="",
    )


def binds(record: TickRecord, site: Site, charger: Charger, because: str) -> list[Bind]:
    """Return the nodes from the charger up to the site, each on the charger's tightest phase.

    because: where it names a node and phase ("panel-a L2 is full: …"), that phase is the tightest.
    """
    nodes = {n.id: n for n in record.nodes}
    return [_bind(nodes[n], record, site, charger, because) for n in site.path(charger.node) if n in nodes]


def _bind(node: NodeNow, record: TickRecord, site: Site, charger: Charger, because: str) -> Bind:
    free = {p: node.limit_ma[p] - node.other_ma[p] - node.charging_ma[p] for p in charger.phases}
    tight = min(free, key=lambda p: (f"{node.id} {PHASE_NAMES[p]} " not in f"{because} ", free[p]))
    wired = {c.id: c for c in site.chargers}
    sharing = [
        c.id
        for c in record.chargers
        if c.granted_ma > 0
        and c.id in wired
        and tight in wired[c.id].phases
        and node.id in site.path(wired[c.id].node)
    ]
    return Bind(
        node=node.id,
        phase=PHASE_NAMES[tight],
        limit_ma=node.limit_ma[tight],
        because=node.because[tight],
        other_ma=node.other_ma[tight],
        charging_ma=node.charging_ma[tight],
        free_ma=free[tight],
        full=free[tight] < FULL_BELOW_MA,
        chargers=len(sharing),
    )


def silent_meter(record: TickRecord, site: Site, charger: Charger) -> str:
    """Return the node above the charger whose meter is silent (I3), "" where none is."""
    unknown = {n.id for n in record.nodes if n.flowing_ma is None}
    metered = {n.id for n in site.nodes if n.meter}
    return next((n for n in site.path(charger.node) if n in unknown and n in metered), "")


def held_by(now: ChargerNow, silent: str) -> str:
    """Return what holds a charger below its ask.

    silent: the node whose silent meter lets it have no more than its fallback, or "": the balancer does not
    know of it, and says that the charger gets all that it can use.
    """
    if silent and now.because in ("", ALL_THAT_IT_CAN_USE):
        return f"the meter of {silent} is silent: fallback current"
    return now.because


def _sentence(now: ChargerNow, path: list[Bind], silent: str) -> str:
    gets = f"{now.id} gets {amps(now.granted_ma)}"
    if not now.online or now.asked_ma == 0:
        return f"{gets}: {_ended(now.because or now.asked_because or state(now))}"
    asked = f"It asked for {amps(now.asked_ma)}" + (f" ({now.asked_because})" if now.asked_because else "")
    if now.granted_ma >= now.asked_ma:
        return f"{gets}: all that it asks for" + (f" ({now.asked_because})." if now.asked_because else ".")
    because = held_by(now, silent)
    tight = tightest(path, because) if because == now.because else None
    if not because:
        because = f"{tight.node} {tight.phase} is full" if tight else "nothing was recorded"
    figures = f" {_figures(tight, because)}" if tight else ""
    return f"{gets} because {_ended(_clause(because))}{figures} {asked}."


def _clause(because: str) -> str:
    """Return a reason so that it can follow "because"."""
    first = because.partition(" ")[0]
    if first in ("gets", "needs", "stays", "waits", "was"):
        return f"it {because}"
    return f"it is {because}" if first in ("held", "raised") else because


def tightest(path: list[Bind], because: str) -> Bind | None:
    """Return the node that the reason names, else the full one with the least room; None for none."""
    named = [b for b in path if because.startswith(f"{b.node} {b.phase} ")]
    full = [b for b in path if b.full]
    return named[0] if named else min(full, key=lambda b: b.free_ma, default=None)


def _figures(b: Bind, because: str) -> str:
    """Return the figures of a full node that the reason does not give already."""
    others = f"{amps(b.charging_ma)} for {b.chargers} charger" + ("" if b.chargers == 1 else "s")
    if because.startswith(f"{b.node} {b.phase}"):
        return f"There it gives {others}."
    limit = b.because if amps(b.limit_ma) in b.because else f"limit {amps(b.limit_ma)} ({b.because})"
    rest = f"other load {amps(b.other_ma)}, {others}, {amps(max(0, b.free_ma))} free"
    return f"{b.node} {b.phase}: {limit}, {rest}."


def _would_change(now: ChargerNow, path: list[Bind], silent: str, record: TickRecord, site: Site) -> str:
    if now.asked_ma == 0 or now.granted_ma >= now.asked_ma:
        return ""
    if held_by(now, silent) != now.because:
        return f"It can get more when the meter of {silent} answers again."
    tight = tightest(path, now.because)
    ends = [e.to_wall_ms for e in record.events if e.to_wall_ms and tight and _names(tight.because, e)]
    if ends:
        end = clock(min(ends), ZoneInfo(site.timezone), record.wall_ms)
        return f"It can get more when the utility's event ends at {end}."
    if tight:
        return (
            f"It can get more when other load on {tight.node} {tight.phase} falls, "
            "or when another vehicle there needs less."
        )
    return ""


def _names(because: str, event: EventNow) -> bool:
    return event.event_id in because or bool(event.name and event.name in because)


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
