"""What the utility's reportDescriptors ask for, in figures: one answer a report.

    answer = figures(site, plan, due, known)        None where none of it can be told

A depot is one resource, named as its venName: the meter at its grid connection.  A descriptor whose targets
name chargers, ports or nodes gets one resource for each charger that is meant; with `aggregate` there is one,
AGGREGATED_REPORT, of what is targeted.  Not every payload type can be told of every resource; what cannot is
left out, and DATA_QUALITY says how well the rest is known.

Where units are asked for that a type does not have, it is told in its own, and the descriptor says so.

Source: OpenADR 3.1.1, Definition: report enumerations, reading types, units; User Guide 7.5, 7.7, 7.8.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from edge.core.reportplan import Due, Plan, Span, spans
from edge.model.openadr import OpenAdrEvent, ReportDescriptor
from edge.model.records import ChargerNow, ChargerSlot, EventNow, LoadSlot
from edge.model.site import Charger, Site
from edge.model.units import HOUR_MS
from edge.report.baseline import Baseline
from edge.report.slots import Flow, chargers_flow, site_flow

AGGREGATED = "AGGREGATED_REPORT"

# What a vehicle takes that is no charging: its electronics and the charger's.
RUNNING_W = 500

Number = float | str


class Described(NamedTuple):
    """A reportPayloadDescriptor."""

    payload_type: str
    reading_type: str
    units: str


class Told(NamedTuple):
    """One interval of a resource."""

    span: Span
    payloads: list[tuple[str, Number]]


class Resource(NamedTuple):
    """What is told of one resource."""

    name: str
    intervals: list[Told]


class Answer(NamedTuple):
    """A report before it is written."""

    descriptors: list[Described]
    resources: list[Resource]


class Known(msgspec.Struct, frozen=True):
    """What a report is made of.

    slots, charger_slots: of its time.  load, charging: make the baselines of the whole site and of what
    charges, for the report's time.  chargers, limits: as the last tick saw them.
    """

    slots: Sequence[LoadSlot]
    charger_slots: Sequence[ChargerSlot]
    load: Callable[[], Baseline]
    charging: Callable[[], Baseline]
    chargers: Sequence[ChargerNow] = ()
    limits: Sequence[EventNow] = ()
    opted_out: bool = False


class Subject(NamedTuple):
    """Whom an interval is about.  chargers: None for the whole site."""

    name: str
    chargers: tuple[Charger, ...] | None


class _Case(NamedTuple):
    """All that a figure may be made of."""

    site: Site
    subject: Subject
    span: Span
    flow: Flow
    known: Known
    forecast: bool

    @property
    def hours(self) -> float:
        return (self.span.to_wall_ms - self.span.from_wall_ms) / HOUR_MS


def subjects(site: Site, group: Sequence[ReportDescriptor]) -> list[Subject]:
    """Return the resources that descriptors mean; none where their targets are not ours."""
    pace = group[0]
    ven = site.utility.ven_name if site.utility else site.id
    own = {ven, site.id, *(site.utility.targets if site.utility else ())}
    whole = not pace.targets or bool(own & set(pace.targets))
    named = tuple(c for c in site.chargers if set(pace.targets) & {c.id, c.port, c.name, *site.path(c.node)})
    if pace.aggregate:
        chargers = None if whole else named
        return [Subject(AGGREGATED, chargers)] if whole or named else []
    return [*([Subject(ven, None)] if whole else []), *(Subject(c.id, (c,)) for c in named)]


def figures(site: Site, plan: Plan, report: Due, known: Known) -> Answer | None:
    """Return a report's figures, None where nothing of it can be told."""
    wanted = [(d, kind) for d in plan.group.descriptors if (kind := KINDS.get(d.payload_type))]
    if not wanted:
        return None
    resources = []
    for subject in subjects(site, plan.group.descriptors):
        intervals = []
        for span in spans(plan, report):
            case = _Case(site, subject, span, _flow(subject, span, known), known, plan.group.forecast)
            found = [(d.payload_type, kind.figure(case, d)) for d, kind in wanted]
            payloads = [(name, value) for name, value in found if value is not None]
            payloads.append(("DATA_QUALITY", _quality(case, bool(payloads))))
            intervals.append(Told(span, payloads))
        resources.append(Resource(subject.name, intervals))
    told = {name for resource in resources for each in resource.intervals for name, _ in each.payloads}
    if not told - {"DATA_QUALITY"}:
        return None
    described = [
        Described(d.payload_type, kind.reading(d, plan.group.forecast), kind.units(d))
        for d, kind in wanted
        if d.payload_type in told
    ]
    return Answer(described, resources)


def unknown_types(event: OpenAdrEvent) -> list[str]:
    """Return what an event asks for that this depot cannot tell."""
    return sorted({d.payload_type for d in event.report_descriptors} - set(KINDS))


def _flow(subject: Subject, span: Span, known: Known) -> Flow:
    if subject.chargers is None:
        return site_flow(known.slots, span.from_wall_ms, span.to_wall_ms)
    ids = [charger.id for charger in subject.chargers]
    return chargers_flow(known.charger_slots, ids, span.from_wall_ms, span.to_wall_ms)


def _quality(case: _Case, told: bool) -> str:
    if not told:
        return "MISSING"
    return "ESTIMATED" if case.forecast else case.flow.quality if case.flow.measured_ms else "ESTIMATED"


### The figures, one function a payload type.  None: not known.


def _kilo(value: int | None) -> float | None:
    return None if value is None else round(value / 1_000, 3)


def _usage(case: _Case, wanted: ReportDescriptor) -> Number | None:
    return _usage_forecast(case, wanted) if case.forecast else _kilo(case.flow.energy_wh)


def _demand(case: _Case, wanted: ReportDescriptor) -> Number | None:
    if case.forecast:
        return _kilo(_expected_w(case))
    if wanted.reading_type == "PEAK":
        return _kilo(case.flow.highest_w)
    return _kilo(case.flow.mean_w)


def _setpoint(case: _Case, wanted: ReportDescriptor) -> Number | None:
    """The limit that was obeyed, in kW: of the site, else of all charging."""
    if case.forecast:
        return _kilo(_limit_ahead(case))
    return _kilo(case.flow.charging_limit_w if case.flow.limit_w is None else case.flow.limit_w)


def _baseline(case: _Case, wanted: ReportDescriptor) -> Number | None:
    if case.subject.chargers is not None:
        return None
    found = case.known.load()
    if wanted.units == "KW":
        return _kilo(found.mean_w(case.span.from_wall_ms, case.span.to_wall_ms))
    return _kilo(found.energy_wh(case.span.from_wall_ms, case.span.to_wall_ms))


def _delta(case: _Case, wanted: ReportDescriptor) -> Number | None:
    """Usage less baseline: negative is what was shed."""
    if case.subject.chargers is not None or case.forecast or case.flow.energy_wh is None:
        return None
    found = case.known.load()
    usual = found.energy_wh(case.span.from_wall_ms, case.span.to_wall_ms)
    return None if usual is None else _kilo(case.flow.energy_wh - usual)


def _state(case: _Case, wanted: ReportDescriptor) -> Number | None:
    """Source: Definition, operating state enumerations (CTA-2045)."""
    if case.forecast:
        return None
    if not case.flow.measured_ms:
        return "ERROR"
    charged = case.flow.charging_ws * 1000 // case.flow.measured_ms >= RUNNING_W
    doing = "RUNNING" if charged else "IDLE"
    if case.known.opted_out:
        return f"{doing}_OPTED_OUT"
    limited = case.flow.held_ms > 0
    if case.subject.chargers is None:
        limited = case.flow.limit_w is not None or case.flow.charging_limit_w is not None
    return f"{doing}_CURTAILED" if limited else f"{doing}_NORMAL"


def _usage_forecast(case: _Case, wanted: ReportDescriptor) -> Number | None:
    expected = _expected_w(case)
    return None if expected is None else round(expected * case.hours / 1_000, 3)


def _shed(case: _Case, wanted: ReportDescriptor) -> Number | None:
    """What charging is expected and need not be, as power (KW) or energy."""
    if case.subject.chargers is not None:
        return None
    found = case.known.charging()
    usual = found.mean_w(case.span.from_wall_ms, case.span.to_wall_ms)
    if usual is None:
        return None
    free = max(0, usual - sum(_must_w(charger, case.span) for charger in case.known.chargers))
    return _kilo(free) if wanted.units == "KW" else round(free * case.hours / 1_000, 3)


def _must_w(charger: ChargerNow, span: Span) -> int:
    """Return the mean power that a vehicle needs in a time so that it can leave as it should."""
    ready, need = charger.ready_by_wall_ms, charger.need_wh
    if ready is None or need is None or ready <= span.from_wall_ms:
        return 0
    return -(-need * HOUR_MS // max(1, ready - span.from_wall_ms))


def _expected_w(case: _Case) -> int | None:
    """The baseline of the time, not above the limits that are announced for it."""
    if case.subject.chargers is not None:
        return None
    found = case.known.load()
    usual, limit = found.mean_w(case.span.from_wall_ms, case.span.to_wall_ms), _limit_ahead(case)
    return usual if usual is None or limit is None else min(usual, limit)


def _limit_ahead(case: _Case) -> int | None:
    """The lowest limit that is announced for the whole of a time."""
    whole = [
        each.limit_w
        for each in case.known.limits
        if each.limit_w is not None
        and each.from_wall_ms <= case.span.from_wall_ms
        and (each.to_wall_ms is None or each.to_wall_ms >= case.span.to_wall_ms)
    ]
    return min(whole) if whole and case.subject.chargers is None else None


def _there(case: _Case) -> list[tuple[Charger, ChargerNow]]:
    """Return the chargers of the subject with a vehicle at them now; for what is asked of now."""
    meant = case.site.chargers if case.subject.chargers is None else case.subject.chargers
    now = {each.id: each for each in case.known.chargers}
    return [(c, now[c.id]) for c in meant if c.id in now and now[c.id].state in ("B", "C", "D")]


def _max_charge(case: _Case, wanted: ReportDescriptor) -> Number | None:
    powers = [c.max_ma * len(c.phases) * case.site.voltage_v // 1_000 for c, _ in _there(case)]
    return _kilo(sum(powers)) if case.known.chargers else None


def _max_discharge(case: _Case, wanted: ReportDescriptor) -> Number | None:
    return 0.0 if case.known.chargers else None  # nothing here feeds back


def _charge_level(case: _Case, wanted: ReportDescriptor) -> Number | None:
    """The mean of the vehicles that tell theirs, 0 to 1; their capacities are not known."""
    levels = [now.soc_pm for _, now in _there(case) if now.soc_pm is not None]
    return round(sum(levels) / len(levels) / 1_000, 3) if levels else None


class Kind(NamedTuple):
    """How a payload type is told.  units: the first is its own, the others may be asked for."""

    figure: Callable[[_Case, ReportDescriptor], Number | None]
    reads: str
    in_units: tuple[str, ...] = ()

    def units(self, wanted: ReportDescriptor) -> str:
        """Return the units in which it is told."""
        return wanted.units if wanted.units in self.in_units else (self.in_units or ("",))[0]

    def reading(self, wanted: ReportDescriptor, forecast: bool) -> str:
        """Return the reading type that is true of it."""
        if forecast:
            return "FORECAST"
        if self.reads == "MEAN":
            return wanted.reading_type if wanted.reading_type in ("MEAN", "PEAK", "AVERAGE") else "MEAN"
        return self.reads


KINDS: dict[str, Kind] = {
    "USAGE": Kind(_usage, "DIRECT_READ", ("KWH",)),
    "DEMAND": Kind(_demand, "MEAN", ("KW",)),
    "SETPOINT": Kind(_setpoint, "DIRECT_READ", ("KW",)),
    "BASELINE": Kind(_baseline, "ESTIMATED", ("KWH", "KW")),
    "DELTA_USAGE": Kind(_delta, "ESTIMATED", ("KWH",)),
    "OPERATING_STATE": Kind(_state, "DIRECT_READ"),
    "USAGE_FORECAST": Kind(_usage_forecast, "FORECAST", ("KWH",)),
    "LOAD_SHED_DELTA_AVAILABLE": Kind(_shed, "FORECAST", ("KWH", "KW")),
    "STORAGE_MAX_CHARGE_POWER": Kind(_max_charge, "DIRECT_READ", ("KW",)),
    "STORAGE_MAX_DISCHARGE_POWER": Kind(_max_discharge, "DIRECT_READ", ("KW",)),
    "STORAGE_CHARGE_LEVEL": Kind(_charge_level, "DIRECT_READ", ("PERCENT",)),
    "DATA_QUALITY": Kind(lambda case, wanted: None, "DIRECT_READ"),
}
