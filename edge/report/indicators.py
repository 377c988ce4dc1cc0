"""The depot's indicators of a month, each defined in one line with its source: docs/indicators.md.

    indicators(facts) -> list[Indicator]       in the order of DEFINITIONS, all of them, always

Rule 1: an indicator of which nothing is known is None, never 0 or 100 %.  `of` says of how many it is.
Rule 2: whole numbers in small units; shares are rounded down, in millionths (ppm).
Rule 3: a session belongs to the month in which it began, and only if it has ended.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from edge.model.records import Compliance, LoadBlock, Session
from edge.model.trends import Departure, DeviceHealth
from edge.model.units import HOUR_MS
from edge.report.spans import clip, measure, union
from edge.report.uncontrolled import peaks
from edge.report.uptime import PortUptime

SCHEMA = "depot-edge/indicators/1"


class Indicator(msgspec.Struct, frozen=True):
    """One figure.  of: how many things it is made of."""

    id: str
    value: int | None
    unit: str
    of: int


class Facts(msgspec.Struct, frozen=True):
    """What the store knows of a month.  span: its begin and end, UTC ms.

    full_w: the power of ports by the site file, by port id; empty without one.
    """

    span: tuple[int, int]
    ports: Sequence[PortUptime] = ()
    sessions: Sequence[Session] = ()
    load: Sequence[LoadBlock] = ()
    compliance: Sequence[Compliance] = ()
    departures: Sequence[Departure] = ()
    health: Sequence[DeviceHealth] = ()
    full_w: dict[str, int] = {}

    @property
    def ended(self) -> list[Session]:
        """The sessions of the month."""
        begin, end = self.span
        return [s for s in self.sessions if begin <= s.start_wall_ms < end and s.end_wall_ms is not None]


Found = tuple[int | None, int]


def _share(part: int, whole: int, of: int | None = None) -> Found:
    return (part * 1_000_000 // whole if whole > 0 else None), (whole if of is None else of)


def _mean(values: Sequence[int]) -> Found:
    return (sum(values) // len(values) if values else None), len(values)


def _percentile(values: Sequence[int], percent: int) -> Found:
    """Return the smallest value that so many per cent are not above (nearest rank)."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return (ordered[rank - 1] if ordered else None), len(ordered)


# --- availability -----------------------------------------------------------------------------------


def _up(port: PortUptime, conservative: bool) -> int:
    figure = port.conservative if conservative else port.evidence
    length_ms = port.to_wall_ms - port.from_wall_ms
    lost_ms = figure.outage_ms - figure.excluded_ms
    return max(0, length_ms - lost_ms) * 1_000_000 // length_ms


def _uptime(facts: Facts) -> Found:
    return _mean([_up(port, conservative=False) for port in facts.ports])


def _uptime_conservative(facts: Facts) -> Found:
    return _mean([_up(port, conservative=True) for port in facts.ports])


def _uptime_worst(facts: Facts) -> Found:
    shares = [_up(port, conservative=False) for port in facts.ports]
    return min(shares, default=None), len(shares)


def _outages(facts: Facts) -> int:
    return sum(port.outages for port in facts.ports)


def _between_failures(facts: Facts) -> Found:
    outages = _outages(facts)
    return (sum(port.up_ms for port in facts.ports) // outages if outages else None), outages


def _to_repair(facts: Facts) -> Found:
    outages = _outages(facts)
    return (sum(p.evidence.outage_ms for p in facts.ports) // outages if outages else None), outages


# --- charging ---------------------------------------------------------------------------------------

# How a charging may end well.  ChargeX counts stops by the vehicle, by the driver and by limits as valid.
VALID_STOPS = ("vehicle", "paused", "unplugged")


def _asked(facts: Facts) -> list[Session]:
    """Return the sessions in which power was asked for: valid starts, as far as Modbus shows them."""
    return [s for s in facts.ended if s.first_power_ms is not None or s.failed_starts]


def _powered(facts: Facts) -> list[Session]:
    return [s for s in facts.ended if s.first_power_ms is not None]


def _ended_well(facts: Facts) -> list[Session]:
    return [s for s in _powered(facts) if s.stop in VALID_STOPS]


def _start_success(facts: Facts) -> Found:
    return _share(len(_powered(facts)), len(_asked(facts)))


def _first_try(facts: Facts) -> Found:
    return _share(sum(not s.failed_starts for s in _powered(facts)), len(_asked(facts)))


def _end_success(facts: Facts) -> Found:
    return _share(len(_ended_well(facts)), len(_powered(facts)))


def _session_success(facts: Facts) -> Found:
    return _share(len(_ended_well(facts)), len(_asked(facts)))


def _start_times(facts: Facts) -> list[int]:
    return [s.first_power_ms for s in facts.ended if s.first_power_ms is not None]


def _speed(facts: Facts) -> Found:
    charging_ms = sum(s.charging_ms for s in facts.ended)
    energy_wms = sum(s.energy_wh for s in facts.ended if s.charging_ms) * HOUR_MS
    return (energy_wms // charging_ms if charging_ms else None), len(_powered(facts))


def _energy(facts: Facts) -> Found:
    return sum(s.energy_wh for s in facts.ended), len(facts.ended)


# --- utilisation ------------------------------------------------------------------------------------


def _occupied_ms(facts: Facts) -> int:
    """Return for how long vehicles stood at ports within the month; two at one port count once."""
    by_port: dict[str, list[tuple[int, int]]] = {}
    for s in facts.sessions:
        end = facts.span[1] if s.end_wall_ms is None else s.end_wall_ms
        by_port.setdefault(s.port or s.charger, []).append((s.start_wall_ms, end))
    return sum(measure(clip(union(spans), facts.span)) for spans in by_port.values())


def _port_ms(facts: Facts) -> int:
    return sum(port.to_wall_ms - port.from_wall_ms for port in facts.ports)


def _occupied(facts: Facts) -> Found:
    return _share(min(_occupied_ms(facts), _port_ms(facts)), _port_ms(facts), len(facts.ports))


def _charging(facts: Facts) -> Found:
    plugged_ms = sum(s.duration_ms for s in facts.ended)
    return _share(sum(min(s.charging_ms, s.duration_ms) for s in facts.ended), plugged_ms, len(facts.ended))


def _idle(facts: Facts) -> Found:
    plugged_ms = sum(s.duration_ms for s in facts.ended)
    idle_ms = sum(max(0, s.duration_ms - s.charging_ms) for s in facts.ended)
    return _share(idle_ms, plugged_ms, len(facts.ended))


def _capacity(facts: Facts) -> Found:
    able_wms = 0
    for port in facts.ports:
        own = [s.power_w_max for s in facts.sessions if (s.port or s.charger) == port.port]
        power_w = facts.full_w.get(port.port, max(own, default=0))
        able_wms += power_w * (port.to_wall_ms - port.from_wall_ms)
    energy_wms = sum(s.energy_wh for s in facts.ended) * HOUR_MS
    return _share(min(energy_wms, able_wms), able_wms, len(facts.ports))


# --- grid and service -------------------------------------------------------------------------------


def _efficiency(facts: Facts) -> Found:
    rows = [row for row in facts.health if row.below_wh is not None and row.energy_wh]
    fed_wh = sum(row.energy_wh or 0 for row in rows)
    return _share(sum(row.below_wh or 0 for row in rows), fed_wh, len(rows))


def _peak(facts: Facts) -> Found:
    return peaks(facts.load, facts.sessions, facts.full_w).with_control_w, len(facts.load)


def _peak_without(facts: Facts) -> Found:
    return peaks(facts.load, facts.sessions, facts.full_w).without_control_w, len(facts.load)


def _events_met(facts: Facts) -> Found:
    return _share(sum(c.highest_w <= c.limit_w for c in facts.compliance), len(facts.compliance))


def _time_to_comply(facts: Facts) -> Found:
    return _percentile([c.complied_after_ms for c in facts.compliance if c.complied_after_ms is not None], 95)


def _ready(facts: Facts) -> Found:
    return _share(sum(d.short_wh == 0 for d in facts.departures), len(facts.departures))


def _short(facts: Facts) -> Found:
    return sum(d.short_wh for d in facts.departures) if facts.departures else None, len(facts.departures)


class Definition(NamedTuple):
    """An indicator: what it is in one line, whence, and how it is computed."""

    id: str
    unit: str
    definition: str
    source: str
    compute: Callable[[Facts], Found]


CFR, CHARGEX = "23 CFR 680.116(b)(3)", "ChargeX KPIs, DOI 10.2172/2377347"
EVCHART, ATLAS = "EV-ChART dashboard, technical notes", "Atlas EV Charging Use Data Specification"
OURS = "depot-edge"

DEFINITIONS = (
    Definition(
        "uptime", "ppm",
        "mean over ports of time not in outage; excluded minutes do not count; an outage is what was "
        "seen as one",
        CFR, _uptime,
    ),
    Definition(
        "uptime_conservative", "ppm",
        "the same, where time that nobody saw is an outage",
        CFR, _uptime_conservative,
    ),
    Definition(
        "uptime_worst_port", "ppm",
        "the lowest uptime of a port, by evidence",
        CFR, _uptime_worst,
    ),
    Definition(
        "mean_time_between_failures", "ms",
        "time up of all ports per outage",
        "IEC 60050-192, 192-05-13", _between_failures,
    ),
    Definition(
        "mean_time_to_repair", "ms",
        "time in outage of all ports per outage, excluded minutes included",
        "IEC 60050-192, 192-07-23", _to_repair,
    ),
    Definition(
        "charge_start_success", "ppm",
        "sessions in which power flowed, of those in which it was asked for",
        CHARGEX, _start_success,
    ),
    Definition(
        "first_try_success", "ppm",
        "sessions in which power flowed without a failed start before, of those in which it was asked "
        "for",
        CHARGEX, _first_try,
    ),
    Definition(
        "charge_end_success", "ppm",
        "sessions whose charging the vehicle, the driver or a limit ended, of those in which power "
        "flowed",
        CHARGEX, _end_success,
    ),
    Definition(
        "session_success", "ppm",
        "sessions that started and ended well, of those in which power was asked for",
        CHARGEX, _session_success,
    ),
    Definition(
        "charge_start_time_p50", "ms",
        "from plugging in to power, median; waiting for a price or a limit of ours included",
        CHARGEX, lambda f: _percentile(_start_times(f), 50),
    ),
    Definition(
        "charge_start_time_p90", "ms",
        "the same, 90th percentile",
        CHARGEX, lambda f: _percentile(_start_times(f), 90),
    ),
    Definition(
        "charging_speed_mean", "W",
        "energy per time in which power flowed",
        EVCHART, _speed,
    ),
    Definition(
        "charging_speed_peak", "W",
        "mean over sessions of the highest power",
        EVCHART, lambda f: _mean([s.power_w_max for s in _powered(f)]),
    ),
    Definition(
        "energy", "Wh",
        "energy into vehicles",
        EVCHART, _energy,
    ),
    Definition(
        "occupied", "ppm",
        "time with a vehicle plugged in, of the time of all ports",
        ATLAS, _occupied,
    ),
    Definition(
        "charging", "ppm",
        "time in which power flowed, of the time plugged in",
        ATLAS, _charging,
    ),
    Definition(
        "idle", "ppm",
        "time plugged in without power, of the time plugged in",
        ATLAS, _idle,
    ),
    Definition(
        "capacity_factor", "ppm",
        "energy into vehicles, of what all ports could have given; a port's power is the site file's, "
        "else the highest seen",
        ATLAS, _capacity,
    ),
    Definition(
        "energy_efficiency", "ppm",
        "energy that chargers counted, of what the meters above them counted; meters above chargers "
        "alone",
        OURS, _efficiency,
    ),
    Definition(
        "peak", "W",
        "highest mean import of a clock quarter-hour",
        OURS, _peak,
    ),
    Definition(
        "peak_without_control", "W",
        "the same, had every vehicle charged at full power from plugging in until it had what it got",
        OURS, _peak_without,
    ),
    Definition(
        "events_met", "ppm",
        "intervals of the utility's limits in which the highest import, 13.2 s after the start, was "
        "within",
        OURS, _events_met,
    ),
    Definition(
        "time_to_comply_p95", "ms",
        "from an interval's start to the site first being within the limit, 95th percentile",
        OURS, _time_to_comply,
    ),
    Definition(
        "ready_by_departure", "ppm",
        "vehicles that had what their charge window promised when its time came, of those that came",
        OURS, _ready,
    ),
    Definition(
        "energy_short_at_departure", "Wh",
        "what vehicles lacked when their time came, all together",
        OURS, _short,
    ),
)  # fmt: skip


def indicators(facts: Facts) -> list[Indicator]:
    """Return every indicator of the month."""
    return [Indicator(one.id, *_ordered(one, facts)) for one in DEFINITIONS]


def _ordered(one: Definition, facts: Facts) -> tuple[int | None, str, int]:
    value, of = one.compute(facts)
    return value, one.unit, of


def page() -> str:
    """Return docs/indicators.md's table: one line an indicator."""
    head = "| indicator | unit | definition | source |\n| --- | --- | --- | --- |\n"
    return head + "".join(f"| `{d.id}` | {d.unit} | {d.definition} | {d.source} |\n" for d in DEFINITIONS)
