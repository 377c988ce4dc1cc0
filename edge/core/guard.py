"""The second opinion on every tick: the order of writing, ramps, and fallback.

Rule 1: decreases first.  An increase goes only into room that is seen to be free: what a charger may still
        draw after a decrease stays reserved until the decrease has been seen (I1).
Rule 2: a decrease never waits.  An increase waits for the hold time, and is never smaller than it is worth.
Rule 3: what goes out is checked by sums that share nothing with the solver.  If they find anything, every
        charger goes to its fallback, which is proved to fit (I4).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.core import balance, claims
from edge.core.limits import Room
from edge.model.sharing import Ask, Node
from edge.model.units import PHASES, Triple, above_delta_wye

# Less than this is not worth a write: chargers log every change, and vehicles follow in steps of about 1 A.
# A charger that is set in finer steps than a tenth of an ampere is made for finer changes.
WORTH_MA = 500
WORTH_STEPS = 5


@dataclass(frozen=True, slots=True)
class Held:
    """A charger as it stands before the tick.

    told_ma: its setpoint, None before the first.  may_ma: what it may draw (I1).
    silent: it does not answer; nothing can be changed there, so all of may_ma is reserved.
    hold_raise: it was changed too recently to be raised.
    """

    charger: str
    node: str
    phases: tuple[int, ...]
    told_ma: int | None
    may_ma: int
    fallback_ma: int
    silent: bool
    hold_raise: bool


@dataclass(frozen=True, slots=True)
class Setpoint:
    """What a charger is to be told, and what holds it back."""

    charger: str
    current_ma: int
    because: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The setpoints in the order of writing: decreases first.  violations: what the check found."""

    setpoints: list[Setpoint]
    violations: list[str]


def decide(
    rooms: Sequence[Room], asks: Sequence[Ask], held: dict[str, Held], paths: dict[str, tuple[str, ...]]
) -> Verdict:
    """Share what is left, and turn the shares into setpoints that are safe to write in this order.

    asks: of the chargers that answer; one that asks for nothing is there with max_ma 0.
    held: every charger.  paths: node → itself and what feeds it, up to the site.
    """
    reserved = [(h.node, h.phases, h.may_ma) for h in held.values() if h.silent]
    left = _less(rooms, reserved, paths, raising=False)
    shares = claims.share(left, asks)
    target = shares.grants_ma
    if _worth_keeping(left, asks, target, held):
        target = {a.id: _kept(a, target[a.id], held[a.id]) for a in asks}
    now = _raised(rooms, asks, target, held, paths)
    violations = balance.violations(left, asks, now)
    if violations:
        now = {a.id: min(now[a.id], held[a.id].fallback_ma) for a in asks}
    setpoints = [
        Setpoint(
            a.id, now[a.id], _because(shares.because[a.id], target[a.id], now[a.id], held[a.id], violations)
        )
        for a in asks
    ]
    setpoints += [
        Setpoint(
            h.charger, min(h.may_ma, h.fallback_ma), "does not answer: counted with all that it may draw"
        )
        for h in held.values()
        if h.silent
    ]
    return Verdict(sorted(setpoints, key=lambda s: _rises(s, held[s.charger])), violations)


def _rises(setpoint: Setpoint, held: Held) -> int:
    """Order decreases before what stays before increases; the largest decrease first."""
    return setpoint.current_ma - (held.may_ma if held.told_ma is None else held.told_ma)


def _less(
    rooms: Sequence[Room],
    reserved: Sequence[tuple[str, tuple[int, ...], int]],
    paths: dict[str, tuple[str, ...]],
    raising: bool,
) -> list[Node]:
    """Return the nodes of a sharing problem: the room, less what is reserved below each node."""
    taken = {room.node: [0, 0, 0] for room in rooms}
    for node, phases, current_ma in reserved:
        for above in paths[node]:
            for phase in phases:
                taken[above][phase] += current_ma
    problem = []
    for room in rooms:
        free: Triple = room.raise_ma if raising else room.now_ma
        l1, l2, l3 = taken[room.node]
        less = above_delta_wye((l1, l2, l3)) if room.delta == "delta-wye" else (l1, l2, l3)
        limit = tuple(free[p] - less[p] for p in PHASES)
        problem.append(Node(room.node, room.parent, (limit[0], limit[1], limit[2]), room.delta))
    return problem


def _worth_keeping(
    left: list[Node], asks: Sequence[Ask], target: dict[str, int], held: dict[str, Held]
) -> bool:
    """Say whether small decreases can be left out: with them kept, everything still fits."""
    kept = {a.id: _kept(a, target[a.id], held[a.id]) for a in asks}
    return kept != target and not balance.violations(left, asks, kept)


def _kept(ask: Ask, target_ma: int, held: Held) -> int:
    told_ma = held.told_ma
    small = told_ma is not None and target_ma < told_ma <= min(target_ma + _worth_ma(ask), ask.max_ma)
    return told_ma if small and told_ma is not None and target_ma > 0 else target_ma


def _worth_ma(ask: Ask) -> int:
    return min(WORTH_MA, WORTH_STEPS * ask.step_ma)


def _raised(
    rooms: Sequence[Room],
    asks: Sequence[Ask],
    target: dict[str, int],
    held: dict[str, Held],
    paths: dict[str, tuple[str, ...]],
) -> dict[str, int]:
    """Return what can be written now: decreases as they are, increases as far as room is free."""
    now: dict[str, int] = {}
    wishes: list[Ask] = []
    for ask in asks:
        h = held[ask.id]
        goal_ma = target[ask.id]
        base_ma = _lawful_down(ask, h.may_ma) if h.told_ma is None else h.told_ma
        if goal_ma <= base_ma:
            now[ask.id] = goal_ma
            continue
        now[ask.id] = base_ma
        starts = base_ma == 0
        if starts or (not h.hold_raise and goal_ma - base_ma >= _worth_ma(ask)):
            least_ma = ask.min_ma if starts else ask.step_ma
            wishes.append(replace(ask, min_ma=least_ma, max_ma=goal_ma - base_ma))
    if wishes:
        reserved = [
            (h.charger, h.node, h.phases, max(h.may_ma, now.get(h.charger, 0))) for h in held.values()
        ]
        for wish_id, more_ma in _into_free_room(rooms, wishes, reserved, paths).items():
            now[wish_id] += more_ma
    return now


def _into_free_room(
    rooms: Sequence[Room],
    wishes: Sequence[Ask],
    reserved: Sequence[tuple[str, str, tuple[int, ...], int]],
    paths: dict[str, tuple[str, ...]],
) -> dict[str, int]:
    """Return how far each increase fits beside what is reserved: (charger, node, phases, mA).

    Where all currents add as magnitudes, what is reserved is taken off the limits.  Else it takes part in the
    sum as it flows, before everybody; unless it does not fit, then magnitudes are on the safe side.
    """
    if any(room.delta != "arithmetic" for room in rooms):
        free = _less(rooms, (), paths, raising=True)
        standing = [
            Ask(f"{name} as it is", node, tuple(sorted(p + 1 for p in phases)), ma, ma, priority=claims.GIVEN)
            for name, node, phases, ma in reserved
            if ma > 0
        ]
        if not balance.violations(free, standing, {ask.id: ask.min_ma for ask in standing}):
            grants = balance.share(free, [*standing, *wishes]).grants_ma
            return {wish.id: grants[wish.id] for wish in wishes}
    left = _less(rooms, [(node, phases, ma) for _, node, phases, ma in reserved], paths, raising=True)
    return balance.share(left, wishes).grants_ma


def _lawful_down(ask: Ask, current_ma: int) -> int:
    """Return the highest lawful grant up to current_ma: where a charger stands that we have not told yet."""
    if current_ma < ask.min_ma:
        return 0
    return current_ma - (current_ma - ask.min_ma) % ask.step_ma


def _because(shared: str, target_ma: int, now_ma: int, held: Held, violations: list[str]) -> str:
    if violations:
        return "fallback: the check found " + "; ".join(violations)
    if now_ma < target_ma:
        if held.hold_raise and held.told_ma:
            return "raised step by step"
        return "waits until room has come free"
    return shared
