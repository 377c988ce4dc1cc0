"""What charging cost in a month: as billed, had nobody controlled it, and at best in hindsight.

    money(site, tariff, month, quarters, stays) -> Money

Rule 1: all three ways are billed by the same bill, with the same load beside charging, and every vehicle gets
        in each what it really got, while it really was there.
Rule 2: what charging cost is the bill less the bill without any charging.
        What vehicles gave back is import and export saved, and in the bill as it was; the other two ways give
        each vehicle what it got less what it gave, and nobody gives anything.
Rule 3: a vehicle pays for its energy at the price of its time; the rest (demand, subscription, what tiers
        make of it) is shared by energy.

Uncontrolled is what most depots do: every vehicle at its full power from the moment it comes, and no limit
but its own: what that would have done to the connection is told.  Hindsight (hindsight.py) knows all before.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import msgspec

from edge.core.peaks import Quarter
from edge.core.tariff import Book
from edge.model.records import ChargeBlock, Session
from edge.model.site import Site
from edge.model.tariff import Tariff
from edge.model.units import HOUR_MS, QUARTER_MS
from edge.report.bill import Bill, bill, months_wall
from edge.report.hindsight import Stay, Watch, best, nobody

Charged = Mapping[str, Mapping[int, int]]
"""What each session got in each quarter of an hour, in Wh, by the quarter's beginning."""

# Never less than what a three-phase socket gives at the least current: a vehicle that hardly charged.
LEAST_FULL_W = 1_400


class Way(msgspec.Struct, frozen=True):
    """A month in one of the three ways.  charging_micro: the bill less that without any charging."""

    name: str
    total_micro: int
    charging_micro: int
    per_kwh_micro: int | None
    peak_w: int | None
    bill: Bill


class VehicleMoney(msgspec.Struct, frozen=True):
    """A vehicle's part, by way; a vehicle that no charger named goes by its bay."""

    vehicle: str
    sessions: int
    energy_wh: int
    micro: dict[str, int]


class Money(msgspec.Struct, frozen=True):
    """The month.  gap_ppm: how far the energy of the hindsight plan is from its proved bound, at most."""

    month: str
    currency: str
    energy_wh: int
    ways: list[Way]
    vehicles: list[VehicleMoney]
    gap_ppm: int
    notes: list[str]


def stays(
    site: Site, sessions: Iterable[Session], blocks: Iterable[ChargeBlock], from_ms: int, to_ms: int
) -> list[Stay]:
    """Return who was there in a month, until when, and what each got in which quarter of an hour."""
    got: dict[str, dict[int, int]] = {}
    given: dict[str, dict[int, int]] = {}
    for block in blocks:
        if not from_ms <= block.start_wall_ms < to_ms:
            continue
        if block.energy_wh > 0:
            got.setdefault(block.session_id, {})[block.start_wall_ms] = block.energy_wh
        if block.given_wh > 0:
            given.setdefault(block.session_id, {})[block.start_wall_ms] = block.given_wh
    known = [s for s in sessions if s.id in got]
    rated = {c.id: c.max_ma * len(c.phases) * site.voltage_v // 1000 for c in site.chargers}
    seen: dict[str, int] = {}
    for s in known:  # what a vehicle was seen to take: it may have been held back in one session, not in all
        name = s.vehicle or s.charger
        seen[name] = max(seen.get(name, LEAST_FULL_W), s.power_w_max)
    found = []
    for s in known:
        blocks_of = got[s.id]
        highest_w = max(blocks_of.values()) * HOUR_MS // QUARTER_MS
        full_w = max(highest_w, min(seen[s.vehicle or s.charger], rated.get(s.charger, highest_w)))
        last_ms = max(blocks_of) + QUARTER_MS
        end_ms = max(last_ms, min(to_ms, s.end_wall_ms if s.end_wall_ms is not None else to_ms))
        begin_ms = max(from_ms, s.start_wall_ms)
        if min(blocks_of) + QUARTER_MS <= begin_ms:  # counted before the session's own beginning
            begin_ms = min(blocks_of)
        back = given.get(s.id, {})
        found.append(Stay(s.id, s.charger, s.vehicle, begin_ms, end_ms, blocks_of, full_w, back))
    return sorted(found, key=lambda stay: (stay.from_wall_ms, stay.session_id))


def uncontrolled(stays: Iterable[Stay]) -> dict[str, dict[int, int]]:
    """Return the same energy, each at full power from the vehicle's coming on."""
    found: dict[str, dict[int, int]] = {}
    for stay in stays:
        left_wh, at_ms = stay.energy_wh, stay.from_wall_ms
        blocks: dict[int, int] = {}
        while left_wh > 0:
            start_ms = at_ms // QUARTER_MS * QUARTER_MS
            part_ms = start_ms + QUARTER_MS - at_ms
            blocks[start_ms] = min(left_wh, max(1, stay.full_w * part_ms // HOUR_MS))
            left_wh -= blocks[start_ms]
            at_ms = start_ms + QUARTER_MS
        found[stay.session_id] = blocks
    return found


def charged_otherwise(quarters: Iterable[Quarter], stays: Sequence[Stay], way: Charged) -> list[Quarter]:
    """Return the site's load had charging been `way`, and nobody given anything back.

    Charging takes from export first, and so does what is not given back.
    """
    change: dict[int, int] = {}
    for stay in stays:
        for start, wh in stay.blocks.items():
            change[start] = change.get(start, 0) - wh
        for start, wh in stay.given.items():
            change[start] = change.get(start, 0) + wh
        for start, wh in way.get(stay.session_id, {}).items():
            change[start] = change.get(start, 0) + wh
    known = {q.start_wall_ms: q for q in quarters}
    for start, wh in change.items():
        if wh:
            before = known.get(start, Quarter(start, 0))
            if wh > 0 and before.export_wh:
                used = min(before.export_wh, wh)
                after = before._replace(
                    import_wh=before.import_wh + wh - used, export_wh=before.export_wh - used
                )
            elif before.import_wh + wh < 0:
                after = before._replace(import_wh=0, export_wh=before.export_wh - before.import_wh - wh)
            else:
                after = before._replace(import_wh=before.import_wh + wh)
            known[start] = after
    return [known[start] for start in sorted(known)]


def money(
    site: Site,
    tariff: Tariff,
    month: str,
    quarters: Sequence[Quarter],
    stays: Sequence[Stay],
    watch: Watch = nobody,
) -> Money:
    """Return the month in all three ways.  quarters: of the month, and of the history that its bill needs.

    watch: hears how far the search for the best is.

    Raises ValueError if the month is not "YYYY-MM".
    """
    book = Book(tariff)
    from_ms, to_ms = months_wall(book, month)
    real: Charged = {s.session_id: s.blocks for s in stays}
    without = bill(tariff, charged_otherwise(quarters, stays, {}), month).total_micro

    def billed(way: Charged) -> Bill:
        load = quarters if way is real else charged_otherwise(quarters, stays, way)
        return bill(tariff, load, month)

    kept = [_kept(stay) for stay in stays]
    gave = any(stay.given for stay in stays)
    plain = charged_otherwise(quarters, stays, {s.session_id: s.blocks for s in kept}) if gave else quarters
    during = [q for q in plain if from_ms <= q.start_wall_ms < to_ms]
    found = best(site, tariff, during, kept, lambda way: billed(way).total_micro, watch)
    ways: dict[str, Charged] = {"billed": real, "uncontrolled": uncontrolled(kept), "hindsight": found.way}
    energy_wh = sum(s.energy_wh for s in stays)
    made = [_way(name, billed(way), without, energy_wh) for name, way in ways.items()]
    parts = {way.name: _parts(book, stays, ways[way.name], way.charging_micro) for way in made}
    return Money(
        month=month,
        currency=tariff.currency,
        energy_wh=energy_wh,
        ways=made,
        vehicles=_vehicles(stays, parts),
        gap_ppm=found.gap_ppm,
        notes=[*_notes(site, made), *_given_notes(stays)],
    )


def _kept(stay: Stay) -> Stay:
    """Return a stay in which nothing was given back: it got so much less, last in time first."""
    left_wh = sum(stay.given.values())
    if not left_wh:
        return stay
    blocks = dict(stay.blocks)
    for start in sorted(blocks, reverse=True):
        less_wh = min(left_wh, blocks[start])
        blocks[start], left_wh = blocks[start] - less_wh, left_wh - less_wh
    return msgspec.structs.replace(stay, blocks={at: wh for at, wh in blocks.items() if wh}, given={})


def _given_notes(stays: Sequence[Stay]) -> list[str]:
    given_wh = sum(sum(stay.given.values()) for stay in stays)
    if not given_wh:
        return []
    return [
        f"billed: vehicles gave back {given_wh / 1000:.1f} kWh; what that saved is in the bill and shared by "
        "energy; the other ways give nothing back, and spare that energy but none of its losses"
    ]


def _way(name: str, of: Bill, without_micro: int, energy_wh: int) -> Way:
    charging_micro = of.total_micro - without_micro
    per_kwh = round(Fraction(charging_micro * 1000, energy_wh)) if energy_wh else None
    return Way(name, of.total_micro, charging_micro, per_kwh, of.peak_w, of)


def _parts(book: Book, stays: Sequence[Stay], way: Charged, charging_micro: int) -> dict[str, Fraction]:
    """Return each session's part of what charging cost."""
    energy: dict[str, Fraction] = {}
    for stay in stays:
        nano = sum(wh * (book.price_nano(book.moment(at)) or 0) for at, wh in way[stay.session_id].items())
        energy[stay.session_id] = Fraction(nano, 1_000_000)
    whole_wh = sum(stay.energy_wh for stay in stays)
    rest = charging_micro - sum(energy.values(), Fraction(0))
    return {s.session_id: energy[s.session_id] + rest * s.energy_wh / whole_wh for s in stays}


def _vehicles(stays: Sequence[Stay], parts: Mapping[str, Mapping[str, Fraction]]) -> list[VehicleMoney]:
    by: dict[str, list[Stay]] = {}
    for stay in stays:
        by.setdefault(stay.vehicle or stay.charger, []).append(stay)
    return [
        VehicleMoney(
            vehicle=name,
            sessions=len(own),
            energy_wh=sum(s.energy_wh for s in own),
            micro={
                way: round(sum((part[s.session_id] for s in own), Fraction(0))) for way, part in parts.items()
            },
        )
        for name, own in sorted(by.items())
    ]


def _notes(site: Site, ways: Sequence[Way]) -> list[str]:
    root = site.nodes[0]
    limit_w = sum(root.limit_ma) * site.voltage_v // 1000
    limit_w = min(limit_w, root.limit_w) if root.limit_w is not None else limit_w
    limit_kw = limit_w / 1000
    return [
        f"{way.name}: the connection's {limit_kw:g} kW would have been exceeded: {way.peak_w / 1000:g} kW"
        for way in ways
        if way.peak_w is not None and way.peak_w > limit_w
    ]
