"""How devices are, by stretches of six hours: what wears, warms, times out, or no longer does as told.

    health = Health(site)
    health.step(tick, state) -> rows of the stretch that has ended, [] in between

Counters of devices may begin anew; only what they have grown by counts.  A restart begins a new row: nothing
is counted twice, and up to six hours are lost.  What it means is in report/health.py.
"""

from dataclasses import dataclass, field

from edge.core.state import ChargerKnown, State
from edge.model.flow import Tick
from edge.model.site import Charger, Node, Site
from edge.model.trends import DeviceHealth
from edge.model.units import HOUR_MS, IEC_61851_MIN_MA

STRETCH_MS = 6 * HOUR_MS
HOLD_MS = 10_000

# A vehicle has followed a setpoint that has not moved for so long; IEC 61851-1 gives it 5 s and 5 s.
STEADY_MS = 30_000

# What a device applies may be below what it was told by its own rounding.
DERATED_MA = 1_000

LINE = ("line_requests", "line_timeouts", "line_errors")


@dataclass
class _Seen:
    """What a device has shown in this stretch.  last: counters as last read; grown: by how much they grew."""

    last: dict[str, int] = field(default_factory=dict)
    grown: dict[str, int] = field(default_factory=dict)
    temperature_max_mc: int | None = None
    charging_ms: int = 0
    derated_ms: int = 0
    closings: int = 0
    reached_pm: int | None = None
    closed: bool = False

    def count(self, name: str, value: int | str | None) -> None:
        """Take in a counter."""
        if not isinstance(value, int):
            return
        before = self.last.get(name)
        self.last[name] = value
        if before is None:
            self.grown.setdefault(name, 0)
            return
        self.grown[name] = self.grown.get(name, 0) + (value - before if value >= before else value)

    def fresh(self) -> "_Seen":
        """Return the same device at the beginning of a stretch."""
        return _Seen(last=self.last, grown=dict.fromkeys(self.grown, 0), closed=self.closed)


class Health:
    """Counts one stretch after the other."""

    def __init__(self, site: Site) -> None:
        """Begin with nothing seen."""
        self._site = site
        ids = [*(charger.id for charger in site.chargers), *(meter.id for meter in site.meters)]
        self._seen = {device: _Seen() for device in ids}
        self._start_wall_ms: int | None = None
        self._begun_ms = 0
        self._at_ms: int | None = None

    def step(self, tick: Tick, state: State) -> list[DeviceHealth]:
        """Fold one tick; return the rows of the stretch that has just ended."""
        if not tick.wall_trusted:
            self._at_ms = None
            return []
        rows: list[DeviceHealth] = []
        stretch = tick.wall_ms // STRETCH_MS
        if self._start_wall_ms is None or stretch != self._start_wall_ms // STRETCH_MS:
            if self._start_wall_ms is not None:
                rows = self._rows(self._start_wall_ms, tick.at_ms - self._begun_ms)
            self._seen = {device: seen.fresh() for device, seen in self._seen.items()}
            self._start_wall_ms, self._begun_ms = tick.wall_ms, tick.at_ms
        held_ms = min(tick.at_ms - self._at_ms, HOLD_MS) if self._at_ms is not None else 0
        self._at_ms = tick.at_ms
        for charger in self._site.chargers:
            self._charger(charger, state.chargers[charger.id], tick.at_ms, held_ms)
        for meter in self._site.meters:
            known = state.meters[meter.id]
            for name in LINE:
                self._seen[meter.id].count(name, known.line.get(name))
            self._seen[meter.id].count("energy_wh", known.counter_wh)
        return rows

    def _charger(self, charger: Charger, known: ChargerKnown, now_ms: int, held_ms: int) -> None:
        seen, values = self._seen[charger.id], known.values
        for name in LINE:
            seen.count(name, values.get(name))
        seen.count("energy_wh", values.get("energy_import_wh"))
        seen.count("starts", values.get("starts"))
        closed = known.state == "C"
        seen.closings += int(closed and not seen.closed)
        seen.closed = closed
        temperature = values.get("temperature_mc")
        if isinstance(temperature, int):
            seen.temperature_max_mc = max(seen.temperature_max_mc or temperature, temperature)
        if not closed or not known.online:
            return
        seen.charging_ms += held_ms
        told_ma, since_ms = known.told_ma or 0, known.changed_at_ms
        if told_ma < IEC_61851_MIN_MA or since_ms is None or now_ms - since_ms < STEADY_MS:
            return
        applied = [v for k in ("limit_ma", "offered_current_ma") if isinstance(v := values.get(k), int)]
        if applied and min(applied) < told_ma - DERATED_MA:
            seen.derated_ms += held_ms
        if known.latest_ma is not None:
            reached_pm = max(known.latest_ma) * 1_000 // told_ma
            seen.reached_pm = max(seen.reached_pm or 0, reached_pm)

    def _rows(self, start_wall_ms: int, duration_ms: int) -> list[DeviceHealth]:
        nodes = {node.meter: node for node in self._site.nodes if node.meter}
        rows = [
            self._row(c.id, "charger", c.node, start_wall_ms, duration_ms, None) for c in self._site.chargers
        ]
        for meter in self._site.meters:
            node = nodes.get(meter.id)
            below_wh = self._below(node) if node is not None else None
            where = node.id if node is not None else ""
            rows.append(self._row(meter.id, "meter", where, start_wall_ms, duration_ms, below_wh))
        return rows

    def _below(self, node: Node) -> int | None:
        """Return what all chargers below a node have counted; None where something else hangs there, too.

        Also where one of them does not count, or a meter below it is another's.
        """
        if any(node.other_max_ma):
            return None
        below = [c.id for c in self._site.chargers if node.id in self._site.path(c.node)]
        grown = [self._seen[charger].grown.get("energy_wh") for charger in below]
        known = [wh for wh in grown if wh is not None]
        return sum(known) if known and len(known) == len(grown) else None

    def _row(
        self, device: str, kind: str, node: str, start_wall_ms: int, duration_ms: int, below_wh: int | None
    ) -> DeviceHealth:
        seen = self._seen[device]
        return DeviceHealth(
            device=device,
            start_wall_ms=start_wall_ms,
            duration_ms=duration_ms,
            kind=kind,
            node=node,
            requests=seen.grown.get("line_requests", 0),
            timeouts=seen.grown.get("line_timeouts", 0),
            errors=seen.grown.get("line_errors", 0),
            temperature_max_mc=seen.temperature_max_mc,
            charging_ms=seen.charging_ms,
            derated_ms=seen.derated_ms,
            closings=seen.grown.get("starts", seen.closings),
            reached_pm=seen.reached_pm,
            energy_wh=seen.grown.get("energy_wh"),
            below_wh=below_wh,
        )
