"""Limits that the grid operator sets by contact, heartbeat or rule; they hold beside the utility's signals.

    Feed it readings, signals and resets; once a tick caps() says what holds, and step() what to write down.

Rule 1: a contact that nobody can read counts as active (I3), and so does one that was never read.
Rule 2: nothing here exempts anybody and nothing ramps: these limits are of the grid.
Rule 3: section 14a limits controllable devices, here the chargers below the node, not what else flows.
"""

from collections.abc import Iterable, Mapping

import msgspec

from edge.core import enwg14a, g100
from edge.core.enwg14a import Box
from edge.core.g100 import Count
from edge.core.grid import Other, chargers_below
from edge.core.limits import Cap
from edge.model.flow import AnyCommand, Audit, GridReset, GridSignal, Keep, Restored, Tick
from edge.model.records import GridCount, GridNow
from edge.model.site import GridLimit, Site
from edge.model.units import MINUTE_MS, SECOND_MS, kw_text

# Contacts are read about once a second; evcc asks a relay every 10 s.
CONTACT_SILENT_MS = 10 * SECOND_MS

# The clock of the counters is kept this often, and whenever something is counted.
KEPT_EVERY_MS = MINUTE_MS


class GridLimits:
    """The grid operator's limits of one site."""

    def __init__(self, site: Site) -> None:
        self._limits = {each.id: each for each in site.grid_limits}
        self._read: dict[str, tuple[int, bool]] = {}  # limit -> when its contact was read, and was it closed
        self._boxes = {each.id: Box() for each in site.grid_limits if each.by_heartbeat}
        self._counts = {each.id: Count() for each in site.grid_limits if each.kind == "g100"}
        self._kept = dict(self._counts)
        self._began = False
        self._below = {each.id: len(chargers_below(site, each.node)) for each in site.grid_limits}
        self._last_ms: int | None = None
        self._said: dict[str, str] = {}

    def restored(self, event: Restored) -> None:
        """Take over what was counted before the restart; an excursion that went on then is not counted."""
        self._begin(event.at_ms)
        for row in event.kept:
            if isinstance(row, GridCount) and row.id in self._counts:
                count = Count(
                    row.ran_ms,
                    excursions=_numbers(row.excursions),
                    locked_ms=row.locked_ms,
                    resets=_numbers(row.resets),
                )
                self._counts[row.id] = self._kept[row.id] = count

    def _begin(self, at_ms: int) -> None:
        """Let the failsafe of a start begin: nobody has said anything yet."""
        if not self._began:
            self._began = True
            self._boxes = dict.fromkeys(self._boxes, Box(since_ms=at_ms, beat_ms=at_ms))

    def read(self, device: str, at_ms: int, values: Mapping[str, int | str]) -> None:
        """Take in a reading of whatever device has the contact."""
        for limit in self._limits.values():
            value = values.get(limit.quantity)
            if limit.device == device and isinstance(value, int):
                self._read[limit.id] = (at_ms, bool(value >> (limit.input - 1) & 1))

    def said(self, event: GridSignal | GridReset) -> list[AnyCommand]:
        """Take in a heartbeat of the grid operator's box, or that somebody takes a lockout back."""
        return self._reset(event) if isinstance(event, GridReset) else self._heard(event)

    def _heard(self, event: GridSignal) -> list[AnyCommand]:
        if event.limit_id not in self._boxes:
            what = f"heartbeat of {event.limit_id}"
            return [Audit("grid operator", what, "refused: no limit of that id has a heartbeat")]
        self._begin(event.at_ms)
        box = enwg14a.at(self._boxes[event.limit_id], event.at_ms)
        limit_w = None if event.limit_w is None else max(0, event.limit_w)
        self._boxes[event.limit_id] = enwg14a.heard(box, event.at_ms, limit_w, event.for_ms)
        return []

    def _reset(self, event: GridReset) -> list[AnyCommand]:
        what = f"reset of {event.limit_id}"
        if event.limit_id not in self._counts:
            return [Audit(event.who, what, "refused: no limit of that id has a lockout")]
        premises = self._limits[event.limit_id].premises
        count, refused = g100.reset(self._counts[event.limit_id], premises, event.installer)
        self._counts[event.limit_id] = count
        return [Audit(event.who, what, f"refused: {refused}" if refused else "done")]

    def caps(self, tick: Tick) -> list[Cap]:
        """Return what holds now."""
        self._begin(tick.at_ms)
        return [cap for limit in self._limits.values() if (cap := self._cap(limit, tick.at_ms))]

    def _cap(self, limit: GridLimit, now_ms: int) -> Cap | None:
        state, told_w = self._state(limit, now_ms)
        because = f"grid operator's limit {limit.id}, {state}"
        if limit.kind == "contact":
            if state == "inactive":
                return None
            return Cap(limit.node, because, limit.limit_w, limit.limit_ma)
        if limit.kind == "enwg14a":
            return None if told_w is None else Cap(limit.node, because, charging_w=told_w)
        charging_w = 0 if state == "lockout" else None
        return Cap(limit.node, because, limit.limit_w, charging_w=charging_w)

    def _state(self, limit: GridLimit, now_ms: int) -> tuple[str, int | None]:
        """Return the limit's own word for how it stands, and what it leaves in W; None for no limit."""
        if limit.kind == "g100":
            count = self._counts[limit.id]
            if count.locked_ms is not None:
                return "lockout", 0
            return ("excursion" if count.since_ms is not None else "within"), limit.limit_w
        if limit.id in self._boxes:
            box = enwg14a.at(self._boxes[limit.id], now_ms)
            self._boxes[limit.id] = box
            told = {"limited": box.limit_w, "failsafe": self._failsafe_w(limit)}
            return box.state, told.get(box.state)
        state = self._contact(limit, now_ms)
        if state == "inactive":
            return state, None
        return state, self.pmin_w(limit) if limit.kind == "enwg14a" else limit.limit_w

    def _contact(self, limit: GridLimit, now_ms: int) -> str:
        at_ms, closed = self._read.get(limit.id, (None, False))
        if at_ms is None or now_ms - at_ms > CONTACT_SILENT_MS:
            return "contact not readable: counted as active"
        return "active" if closed == (limit.active == "closed") else "inactive"

    def _failsafe_w(self, limit: GridLimit) -> int:
        return self.pmin_w(limit) if limit.failsafe_w is None else limit.failsafe_w

    def pmin_w(self, limit: GridLimit) -> int:
        """Return the guaranteed minimum of the devices below a section 14a limit."""
        return enwg14a.pmin_w(self._below[limit.id], limit.heat_pump_w)

    def step(self, tick: Tick, others: Mapping[str, Other]) -> list[AnyCommand]:
        """Count excursions; return rows to keep, and a line of the audit log for every change."""
        passed_ms = 0 if self._last_ms is None else tick.at_ms - self._last_ms
        self._last_ms = tick.at_ms
        commands: list[AnyCommand] = []
        for limit in self._limits.values():
            if limit.id in self._counts:
                other = others[limit.node]
                power_w = other.power_w if other.known else None
                count, assumed_w = self._counts[limit.id], limit.limit_w or 0
                self._counts[limit.id] = g100.step(count, power_w, assumed_w, limit.premises, passed_ms)
                commands += self._keeping(limit.id, tick.wall_ms)
            state, _ = self._state(limit, tick.at_ms)
            if self._said.get(limit.id) != state:
                self._said[limit.id] = state
                commands.append(Audit("grid operator", f"limit {limit.id} at {limit.node}", state))
        return commands

    def _keeping(self, name: str, wall_ms: int) -> list[AnyCommand]:
        """Return the row of a count that has changed, or whose clock has gone on."""
        count, kept = self._counts[name], self._kept[name]
        same = (count.excursions, count.locked_ms, count.resets) == (
            kept.excursions, kept.locked_ms, kept.resets,
        )  # fmt: skip
        if same and count.ran_ms - kept.ran_ms < KEPT_EVERY_MS:
            return []
        self._kept[name] = count
        row = GridCount(
            name, wall_ms, count.ran_ms, _text(count.excursions), count.locked_ms, _text(count.resets)
        )
        return [Keep(row)]

    def now(self, tick: Tick) -> list[GridNow]:
        """Return the limits as they stand, for people."""
        found = []
        for limit in self._limits.values():
            state, limit_w = self._state(limit, tick.at_ms)
            figure = "" if limit_w is None else f", {kw_text(limit_w)}"
            if limit.kind == "enwg14a":
                figure += " for charging" if figure else ""
            says = f"{limit.id} at {limit.node}: {state}{figure}"
            found.append(GridNow(limit.id, limit.kind, limit.node, state, limit_w, says))
        return found


def _text(numbers: Iterable[int]) -> str:
    return msgspec.json.encode(tuple(numbers)).decode()


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(msgspec.json.decode(text, type=list[int])) if text else ()
