"""Turns over time, when not everyone can have the minimum.

The balancer gives minimums by rank; this module says the rank.  Who has been served least, measured
against its claim, comes first; who has just been switched stays as it is for a while.

Rule 1: served is time: one second is what the claim of a vehicle would have delivered in a second.  So a
        vehicle that needs twice as much in the same time gets twice as much, and equals get equal.
Rule 2: who comes new starts with the least served of its group: it is owed nothing for the past, and
        nobody is owed anything by it.
Rule 3: a minimum on and off time, by device.  It never overrides a limit: whoever does not fit is
        stopped by the balancer, whatever its turn.
Rule 4: vehicles that must not see 0 A come before all others.

One tick: rank() before the balancer, fold() after it.  No clock in here; now_ms is monotonic.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# Long enough that contactors and batteries do not wear, short enough that nobody waits for hours.
SWITCH_MS = 5 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Want:
    """A vehicle that asks for more than nothing.

    claim_w: what it needs over the time that it has left, at least 1; equals have equal claims.
    group: those it competes with, usually the node that feeds it.
    keep_on: it must not see 0 A, or it falls asleep for good.
    on_ms, off_ms: the least time between switches, by device.
    """

    id: str
    claim_w: int = 1
    group: str = ""
    keep_on: bool = False
    on_ms: int = SWITCH_MS
    off_ms: int = SWITCH_MS


@dataclass(frozen=True, slots=True)
class Turn:
    """What is remembered of one vehicle.

    since_ms: when it was last switched on or off; None if it has not been switched yet.
    """

    served_us: int
    on: bool = False
    since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Rotation:
    """The state: fold() makes the next one."""

    turns: Mapping[str, Turn] = field(default_factory=dict)
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Ranks:
    """What the balancer should be asked.

    rank: a position for every want, 0 first.
    held_off: who must not be switched on yet; ask nothing (max_ma 0) for those.
    held_on: who should not be switched off yet.
    """

    rank: dict[str, int]
    held_off: frozenset[str]
    held_on: frozenset[str] = frozenset()


def rank(state: Rotation, wants: Sequence[Want], now_ms: int) -> Ranks:
    """Return in which order minimums should be given.

    First who must not see 0 A, then who has been on for less than its on time, then by least served;
    who has been off for less than its off time comes last and is held off.  Ties go by the order of
    the wants.
    """
    turns = _known(state, wants)
    order: list[tuple[int, int, int]] = []
    held_off = set()
    held_on = set()
    for n, want in enumerate(wants):
        turn = turns[want.id]
        ago_ms = None if turn.since_ms is None else now_ms - turn.since_ms
        if want.keep_on:
            standing = 0
        elif turn.on and ago_ms is not None and ago_ms < want.on_ms:
            standing = 1
            held_on.add(want.id)
        elif not turn.on and ago_ms is not None and ago_ms < want.off_ms:
            standing = 3
            held_off.add(want.id)
        else:
            standing = 2
        order.append((standing, turn.served_us, n))
    order.sort()
    places = {wants[n].id: place for place, (_, _, n) in enumerate(order)}
    return Ranks(places, frozenset(held_off), frozenset(held_on))


def fold(
    state: Rotation,
    wants: Sequence[Want],
    grants_ma: Mapping[str, int],
    given_w: Mapping[str, int],
    now_ms: int,
) -> Rotation:
    """Return the state after a tick.

    grants_ma: what the balancer has just granted; more than 0 is on.
    given_w: what each has been given since the last fold: what it drew, or if it took less than it was
        granted, what it was granted.  Else a vehicle that takes nothing would keep its turn forever.
    Whoever no longer wants is forgotten.
    """
    since_last_ms = 0 if state.at_ms is None else max(0, now_ms - state.at_ms)
    turns = {}
    for name, turn, claim_w in _claims(state, wants):
        served_us = turn.served_us + given_w.get(name, 0) * since_last_ms * 1000 // claim_w
        on = grants_ma.get(name, 0) > 0
        turns[name] = Turn(served_us, on, turn.since_ms if on == turn.on else now_ms)
    return Rotation(turns, now_ms)


def _claims(state: Rotation, wants: Sequence[Want]) -> list[tuple[str, Turn, int]]:
    turns = _known(state, wants)
    return [(want.id, turns[want.id], max(1, want.claim_w)) for want in wants]


def _known(state: Rotation, wants: Sequence[Want]) -> dict[str, Turn]:
    """Return a turn for every want; newcomers start with the least served of their group."""
    least: dict[str, int] = {}
    for want in wants:
        turn = state.turns.get(want.id)
        if turn is not None:
            least[want.group] = min(turn.served_us, least.get(want.group, turn.served_us))
    return {want.id: state.turns.get(want.id) or Turn(served_us=least.get(want.group, 0)) for want in wants}
