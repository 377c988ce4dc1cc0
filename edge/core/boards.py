"""The fail-safe I/O boards: what their inputs ask of the depot, and which relays are to be closed.

Rule 1: a relay is asked closed only while its board answers, is set as the site file says and has found
        nothing wrong with it: what the fallback sums (I4) count on is seen, not hoped.
Rule 2: a board that is silent counts as the worst: the grid operator's relay as on (I3), and what it guards
        is paused before its relays open under load.
Rule 3: while a charger that does not supervise us is silent, its relay stays closed only if all that the
        charger may draw fits: nothing else could stop it.
Rule 4: the board needs none of this.  It opens its relays by itself; here the rest of the depot follows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.core.guard import Held
from edge.core.limits import Cap, Room
from edge.model.flow import Audit, SetRelays
from edge.model.site import Board, Charger, Relay, Site
from edge.model.units import PHASES, Triple, above_delta_wye, amps_text

# A relay is taken for open when it has been reported open for so long: contactor and vehicle have followed.
OPEN_FOR_MS = 2_000

# The heartbeat stops so long after the last tick: a core that hangs is as good as a dead gateway.
BEAT_FOR_MS = 3_000

# A board that has not told everything yet gets this long before its chargers count as out of order.
START_MS = 30_000

# Bits of the board's fault word, by relay.  Source: board/registers.md, input register 5.
WELDED, STUCK_OPEN = 1, 16

# What is worth a line of the audit log when it changes, and how a person would say it.
TOLD = {
    "board_state": "state",
    "limit_input": "grid operator's relay",
    "tripped": "emergency stop",
    "door": "door",
    "faults": "faults",
    "selftest": "self-test",
}


@dataclass(frozen=True, slots=True)
class Stop:
    """What a guarded charger may have at most while something is the matter.  because: in words."""

    limit_ma: int
    because: str


@dataclass(slots=True)
class Known:
    """A board's latest.  at_ms: of its last reading.  open_since_ms: by relay number, while it is open."""

    values: dict[str, int | str] = field(default_factory=dict)
    at_ms: int | None = None
    online: bool = False
    lost_why: str = ""
    open_since_ms: dict[int, int] = field(default_factory=dict)

    def number(self, key: str) -> int | None:
        """Return a figure that it has told, None if it has not."""
        value = self.values.get(key)
        return value if isinstance(value, int) else None


class Boards:
    """All boards of a site.  read(), lost() and identified() fold; the rest asks what follows."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._boards = {board.id: board for board in site.boards}
        self._known = {board.id: Known() for board in site.boards}
        self._chargers = {charger.id: charger for charger in site.chargers}
        self._wye = {n.id for n in site.nodes if n.delta == "delta-wye"}
        self._paths = {node.id: site.path(node.id) for node in site.nodes}
        self._guard = {c: (b, relay) for b in site.boards for relay in b.relays for c in relay.chargers}
        self._asked: dict[str, int] = {board.id: 0 for board in site.boards}
        self._began_ms: int | None = None

    # What is known -----------------------------------------------------------------------------------

    def read(self, device: str, at_ms: int, values: Mapping[str, int | str]) -> list[Audit]:
        """Take in a reading; return a line of the audit log for everything that has changed."""
        if device not in self._known:
            return []
        known = self._known[device]
        said = [
            Audit(device, words, str(values[key]))
            for key, words in TOLD.items()
            if key in values and values[key] != known.values.get(key)
        ]
        known.values.update(values)
        if isinstance(values.get("relays"), int):
            known.at_ms = at_ms
            for relay in self._boards[device].relays:
                if int(values["relays"]) & relay.bit:
                    known.open_since_ms.pop(relay.number, None)
                else:
                    known.open_since_ms.setdefault(relay.number, at_ms)
        return said

    def identified(self, device: str, identity: Mapping[str, int | str]) -> None:
        """Note that a board was recognised; of another board than before, nothing is known yet."""
        if device not in self._known:
            return
        if identity.get("serial") != self._known[device].values.get("serial"):
            self._known[device] = Known()
        self._known[device].values.update(identity)
        self._known[device].online = True

    def lost(self, device: str, why: str) -> None:
        """Note that a board does not answer."""
        if device in self._known:
            self._known[device].online = False
            self._known[device].lost_why = why

    def _silent(self, board: Board, now_ms: int) -> bool:
        known = self._known[board.id]
        return (
            not known.online
            or known.at_ms is None
            or now_ms - known.at_ms > self._site.policy.charger_silent_ms
        )

    # What follows ------------------------------------------------------------------------------------

    def caps(self, now_ms: int) -> list[Cap]:
        """Return the limits that the grid operator's relays set."""
        found = []
        for board in self._site.boards:
            if not board.limit_node:
                continue
            left = f"{amps_text(board.limit_ma)} by the grid operator's relay at {board.id}"
            if self._silent(board, now_ms):
                worst = f"{left}: silent, so it counts as on"
                found.append(Cap(board.limit_node, worst, limit_ma=board.limit_ma))
            elif self._known[board.id].values.get("limit_input") != 0:
                found.append(Cap(board.limit_node, left, limit_ma=board.limit_ma))
        return found

    def stops(self, now_ms: int) -> dict[str, Stop]:
        """Return which guarded chargers are held back, by id."""
        found = {}
        for charger, (board, relay) in self._guard.items():
            why = self._trouble(board, relay, now_ms)
            if why:
                found[charger] = Stop(0, why)
            elif relay.number in self._known[board.id].open_since_ms:
                cause = self._known[board.id].values.get("board_state", "")
                found[charger] = Stop(
                    relay.falls_to_ma, f"relay {relay.number} of {board.id} is open ({cause})"
                )
        return found

    def trouble(self, charger: str, now_ms: int) -> str:
        """Return why a charger's guard keeps it from charging at all, "" if it does not or there is none.

        While the gateway starts, nothing is said of a board that has not answered yet.
        """
        self._began_ms = now_ms if self._began_ms is None else self._began_ms
        if charger not in self._guard:
            return ""
        board, relay = self._guard[charger]
        if self._known[board.id].number("relays_safe") is None and now_ms - self._began_ms < START_MS:
            return ""
        return self._trouble(board, relay, now_ms)

    def evidence(self, charger: str) -> str:
        """Return what the last self-test of a charger's guard has shown, "" where there is none."""
        if charger not in self._guard:
            return ""
        board, relay = self._guard[charger]
        known = self._known[board.id]
        result, age_s = known.values.get("selftest"), known.number("selftest_age_s")
        if result not in ("passed", "failed"):
            return f"{board.id} relay {relay.number} not tested since its start"
        when = "" if age_s is None else f" {age_s // 3600} h before"
        return f"{board.id} relay {relay.number} self-test {result}{when}"

    def _trouble(self, board: Board, relay: Relay, now_ms: int) -> str:
        """Return why a relay may not be closed, "" if it may (rule 1)."""
        known = self._known[board.id]
        if self._silent(board, now_ms):
            return f"{board.id} does not answer, and its relays open"
        if known.values.get("tripped") != 0:
            return f"emergency stop at {board.id}"
        time_ms, safe, fitted = map(known.number, ("supervision_time_ms", "relays_safe", "relays_fitted"))
        if time_ms is None or safe is None or fitted is None:
            return f"{board.id} has not told its settings yet"
        if time_ms > board.timeout_ms:
            return f"{board.id} waits {time_ms / 1000:g} s, the site file says {board.timeout_ms / 1000:g} s"
        name = f"relay {relay.number} of {board.id}"
        faults = known.number("faults") or 0
        failed = known.number("selftest_failed") if known.values.get("selftest") == "failed" else 0
        if safe & relay.bit:
            return f"{name} is set to stay closed without us"
        if not fitted & relay.bit:
            return f"{name} is set as not fitted"
        if faults & relay.bit * WELDED:
            return f"{name} does not open"
        if faults & relay.bit * STUCK_OPEN:
            return f"{name} does not close"
        if failed is None or failed & relay.bit:
            return f"{name} has failed its self-test"
        return ""

    # Relays ------------------------------------------------------------------------------------------

    def open_ma(self, charger: str, now_ms: int) -> int | None:
        """Return what a charger draws at most because its relay is seen open, None if it is not."""
        if charger not in self._guard:
            return None
        board, relay = self._guard[charger]
        known = self._known[board.id]
        since_ms = known.open_since_ms.get(relay.number)
        welded = (known.number("faults") or 0) & relay.bit * WELDED
        if since_ms is None or welded or self._silent(board, now_ms) or now_ms - since_ms < OPEN_FOR_MS:
            return None
        return relay.falls_to_ma

    def blind(self, charger: str) -> bool:
        """Say whether nothing but its relay stops a charger that we cannot reach."""
        return charger in self._guard and charger in self._guard[charger][1].blind

    def relays(
        self, rooms: list[Room], held: Mapping[str, Held], may_ma: Mapping[str, int], now_ms: int
    ) -> list[SetRelays]:
        """Return which relays are to be closed.

        may_ma: what every charger may draw once its relay is closed.  held: what it may draw now.
        """
        found = []
        free = {room.node: room.now_ma for room in rooms}
        draws = {name: each.may_ma for name, each in held.items()}
        for board in self._site.boards:
            asked = 0
            for relay in board.relays:
                lost = [name for name in relay.blind if held[name].silent]
                if self._trouble(board, relay, now_ms):
                    continue
                if lost:
                    closed = bool(self._asked[board.id] & relay.bit)
                    # What answers can be lowered for a relay that is closed, but not for one that is to be.
                    others = {n: ma for n, ma in draws.items() if held[n].silent or not closed}
                    others |= {name: may_ma[name] for name in lost}
                    if not self._fits(free, others, lost):
                        continue
                    draws |= {name: may_ma[name] for name in lost}
                asked |= relay.bit
            self._asked[board.id] = asked
            found.append(SetRelays(board.id, asked, BEAT_FOR_MS))
        return found

    def _fits(self, free: Mapping[str, Triple], draws: Mapping[str, int], new: list[str]) -> bool:
        """Say whether everything together is within the room of every node above the new ones."""
        above = {node for name in new for node in self._paths[self._chargers[name].node]}
        for node in above:
            l1, l2, l3 = (
                sum(ma for n, ma in draws.items() if self._is_on(self._chargers[n], node, phase))
                for phase in PHASES
            )
            below = above_delta_wye((l1, l2, l3)) if node in self._wye else (l1, l2, l3)
            if any(below[phase] > free[node][phase] for phase in PHASES):
                return False
        return True

    def _is_on(self, charger: Charger, node: str, phase: int) -> bool:
        return phase in charger.phases and node in self._paths[charger.node]
