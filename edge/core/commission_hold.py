"""What chargers are told while they are tested: what the test wishes, as far as the limits hold at their
worst.

Takes the place of core/controller.py during a test, and is made of the same parts: what is known and how
old it is, what flows besides charging, the lowest limit, the guard with its order of writing and its
second opinion.

Rule 1: a meter that commissioning has not verified counts as silent: the highest plausible load (I3).
Rule 2: a charger whose place has not been shown may be anywhere: its setpoint fits on every phase of every
        node.
Rule 3: a charger that is not spoken to, or not known, is counted with all that it may draw (I1); what a
        test may set free at worst must fit before the test begins.
Rule 4: nobody but the chargers of the test charges meanwhile: a calm depot shows more.
"""

from edge.core import guard, limits
from edge.core.boards import Boards
from edge.core.grid import Other, OtherLoad, highest_voltage_mv
from edge.core.state import State
from edge.model.flow import AnyCommand, AnyEvent, Identified, Lost, Reading, SetCurrent, Tick, Written
from edge.model.sharing import Ask
from edge.model.site import Charger, Site
from edge.model.units import PHASES, Triple, add, amps_text

STEP_MA = 100


class Holder:
    """Decides during tests.  trusted: meters that count; located: chargers that are where they are drawn."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.trusted: frozenset[str] = frozenset()
        self.located: frozenset[str] = frozenset()
        self.wish_ma: dict[str, int] = {}
        self.silent: frozenset[str] = frozenset()
        self.violations: list[str] = []
        self._state = State(site)
        self._other_load = OtherLoad(site)
        self._boards = Boards(site)
        self._paths = {n.id: site.path(n.id) for n in site.nodes}
        self._meters = {m.id for m in site.meters}
        self._others: dict[str, Other] = {}

    def handle(self, event: AnyEvent) -> list[AnyCommand]:
        """Take in what a device said; at a tick, return the setpoints in the order of writing."""
        match event:
            case Tick():
                return self._decide(event.at_ms)
            case Reading():
                if event.device not in self._meters or event.device in self.trusted:
                    self._state.read(event.device, event.at_ms, event.values)
                self._boards.read(event.device, event.at_ms, event.values)
            case Identified():
                self._state.identified(event.device, event.identity)
                self._boards.identified(event.device, event.identity)
            case Lost():
                self._state.lost(event.device, event.why)
                self._boards.lost(event.device, event.why)
            case Written():
                self._state.written(event.charger, event.current_ma, event.at_ms)
        return []

    def told(self, charger: str, current_ma: int, now_ms: int) -> None:
        """Note what the depot's own core has told a charger: it is known when a test goes on from there."""
        self._state.chargers[charger].tell(current_ma, now_ms)

    def refuses(self, reserve_ma: dict[str, int], now_ms: int) -> str:
        """Return where what chargers may draw at worst does not fit, "" where it does."""
        worst = {name: h.may_ma for name, h in self._held(now_ms).items()}
        worst |= {name: max(reserve_ma[name], worst[name]) for name in reserve_ma}
        others = self._others or self._other_load.at(self._state, now_ms)
        for node in self.site.nodes:
            sums: Triple = others[node.id].high_ma
            for charger in self.site.chargers:
                sums = add(sums, self._on(charger, node.id, worst[charger.id]))
            for p in PHASES:
                if sums[p] > node.limit_ma[p]:
                    return (
                        f"{node.id} L{p + 1} has {amps_text(node.limit_ma[p])}; with other load at its "
                        f"worst it would be {amps_text(sums[p])}"
                    )
        return ""

    def _on(self, charger: Charger, node: str, current_ma: int) -> Triple:
        """Return what a charger may add to a node: where its place is not shown, to any node and phase."""
        if charger.id not in self.located:
            return (current_ma, current_ma, current_ma)
        if node not in self._paths[charger.node]:
            return (0, 0, 0)
        l1, l2, l3 = (current_ma if p in charger.phases else 0 for p in PHASES)
        return (l1, l2, l3)

    def _decide(self, now_ms: int) -> list[AnyCommand]:
        self._others = self._other_load.at(self._state, now_ms)
        held = self._held(now_ms)
        asks = [self._ask(c, held, now_ms) for c in self.site.chargers if not held[c.id].silent]
        rooms = limits.lowest(self.site, self._others, self._boards.caps(now_ms), self._asked(asks))
        verdict = guard.decide(rooms, asks, held, self._paths)
        self.violations += verdict.violations
        may_ma = {c.id: self._state.chargers[c.id].may_ma for c in self.site.chargers}
        commands: list[AnyCommand] = [
            relays
            for relays in self._boards.relays(rooms, held, may_ma, now_ms)
            if getattr(relays, "board", "") not in self.silent
        ]
        for setpoint in verdict.setpoints:
            if setpoint.charger in self.silent:
                continue
            self._state.chargers[setpoint.charger].tell(setpoint.current_ma, now_ms)
            commands.append(
                SetCurrent(
                    setpoint.charger, setpoint.current_ma, self.site.policy.setpoint_ms, "commissioning"
                )
            )
        return commands

    def _ask(self, charger: Charger, held: dict[str, guard.Held], now_ms: int) -> Ask:
        rest_ma = charger.min_ma if charger.keep_on and charger.id not in self.wish_ma else 0
        wish_ma = min(self.wish_ma.get(charger.id, rest_ma), charger.max_ma)
        if wish_ma and charger.id not in self.located:
            wish_ma = min(wish_ma, self._anywhere_ma(charger, held))
        stop = self._boards.stops(now_ms).get(charger.id)
        if stop is not None:
            wish_ma = min(wish_ma, stop.limit_ma)
        return Ask(
            id=charger.id,
            node=charger.node,
            phases=tuple(sorted(p + 1 for p in charger.phases)),
            min_ma=charger.min_ma,
            max_ma=wish_ma if wish_ma >= charger.min_ma else 0,
            step_ma=STEP_MA,
        )

    def _anywhere_ma(self, charger: Charger, held: dict[str, guard.Held]) -> int:
        """Return what a charger may have wherever it really is fed from."""
        left: list[int] = []
        for node in self.site.nodes:
            other = self._others[node.id]
            sums: Triple = other.high_ma
            for beside in self.site.chargers:
                if beside.id != charger.id:
                    sums = add(sums, self._on(beside, node.id, held[beside.id].may_ma))
            left += [node.limit_ma[p] - sums[p] for p in PHASES]
            if node.limit_w is not None:
                taken_w = sum(sums[p] - other.high_ma[p] for p in PHASES) * self.site.voltage_v // 1000
                voltage_mv = highest_voltage_mv(self.site)
                left.append((node.limit_w - other.high_w - taken_w) * 1_000_000 // (3 * voltage_mv))
        return max(0, min(left)) // STEP_MA * STEP_MA

    def _asked(self, asks: list[Ask]) -> dict[str, Triple]:
        asked: dict[str, Triple] = {n.id: (0, 0, 0) for n in self.site.nodes}
        for ask in asks:
            l1, l2, l3 = (ask.max_ma if p + 1 in ask.phases else 0 for p in PHASES)
            for node in self._paths[ask.node]:
                asked[node] = add(asked[node], (l1, l2, l3))
        return asked

    def _held(self, now_ms: int) -> dict[str, guard.Held]:
        policy = self.site.policy
        held = {}
        for charger in self.site.chargers:
            known = self._state.chargers[charger.id]
            silent = charger.id in self.silent or known.silent(now_ms, policy.charger_silent_ms)
            held[charger.id] = guard.Held(
                charger=charger.id,
                node=charger.node,
                phases=charger.phases,
                told_ma=known.told_ma,
                may_ma=known.worst_ma(now_ms, policy, 0),
                fallback_ma=charger.fallback_ma,
                silent=silent,
                hold_raise=False,
            )
        return held
