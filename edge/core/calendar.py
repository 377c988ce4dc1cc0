"""What holds when: charge windows, prices, and the utility's events, with what they limit.

Prices of an event take the place of the tariff's in their time.  What changes with the minute only is worked
out once a minute, or when something new is said.

prices() is what energy costs, for people and bills; steering() is what hours are chosen by: the same, with
the weight of carbon, and what the site would get for exporting while it would export.
"""

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from edge.core import demand_effects as effects
from edge.core import demand_response as dr
from edge.core import holidays
from edge.core import tariff as tariffs
from edge.core.demand_effects import Hold, Vehicle
from edge.core.demand_state import Seen
from edge.core.fleet import Guest
from edge.core.learned import Learned
from edge.core.loadbook import Cuts
from edge.core.peaks import Peaks, Quarter
from edge.core.prices import added, overlaid
from edge.core.windows import Stay, each_charger, minute_of, stay, year_of
from edge.model.dayplan import Ceiling
from edge.model.flow import (
    AnyCommand,
    Audit,
    Keep,
    Link,
    OptOut,
    ProgramSaid,
    Restored,
    StaysForgotten,
    Tick,
    UtilitySaid,
    UtilityTaken,
    WindowRemoved,
    WindowSet,
)
from edge.model.records import DemandNow, EventNow, EventStep, Forgotten, LoadBlock, PriceNow, Session
from edge.model.site import Site, Window
from edge.model.tariff import Tariff
from edge.model.units import HOUR_MS, MINUTE_MS, QUARTER_MS

# As far as the day is planned: windows reach into the next day and the night after it.
PRICES_FOR_MS = 48 * HOUR_MS


# Windows at the beginnings of more events than this are not looked up: a tick has little time.
EVENTS_LOOKED_AT = 4


class Calendar:
    """The windows, the tariff and the utility's events of one site."""

    def __init__(self, site: Site, tariff: Tariff | None) -> None:
        self._site = site
        self.learned = Learned(site, tariff.holidays if tariff else ())
        self._book = tariffs.Book(tariff) if tariff else None
        self._peaks = Peaks(self._book) if self._book else None
        self._demand: list[DemandNow] = []
        self._windows = {w.id: w for w in site.windows}
        self._utility = dr.State.of(site)
        self._all_windows: tuple[Window, ...] | None = None
        self._year = 0
        names = {name for charger in site.chargers for name in charger.groups}
        self._groups = {name: [c.id for c in site.chargers if name in c.groups] for name in names}
        self._minute = -1
        self._prices: list[PriceNow] = []
        self._steering: list[PriceNow] = []
        self._export: list[PriceNow] = []
        self._paid: list[PriceNow] = []
        self._events: list[EventNow] = []
        self._ceilings: tuple[Ceiling, ...] = ()
        self._stays: dict[str, Stay | None] = {}
        self._guests: Mapping[str, Guest] = {}
        self._last_at: dict[str, str] = {}  # vehicle -> the charger where it was last
        self._expected: tuple[Window, ...] | None = None
        self._cuts = Cuts()

    def restored(self, event: Restored) -> list[AnyCommand]:
        """Take over what the store knew: windows of the operator, events of the utility."""
        self._windows |= {w.id: w for w in event.windows}
        this_quarter = event.wall_ms // QUARTER_MS * QUARTER_MS
        for row in event.kept:
            if isinstance(row, LoadBlock) and row.start_wall_ms < this_quarter:
                self.flowed(row)
        self.learned.restored(event)
        self._all_windows = None
        self._utility, commands = dr.restored(self._utility, event)
        self._minute = -1
        return commands

    def window(self, event: WindowSet | WindowRemoved | StaysForgotten) -> list[AnyCommand]:
        """Take in a window that was set or removed, or stays that are to be forgotten.

        Who did it is on the desk's audit log.
        """
        self._minute = -1
        self._all_windows = None
        match event:
            case WindowRemoved():
                self._windows.pop(event.window_id, None)
            case WindowSet():
                self._windows[event.window.id] = event.window
            case StaysForgotten():
                self.learned.forgotten(event.charger, event.wall_ms)
                return [Keep(Forgotten(event.charger, event.wall_ms))]
        return []

    def ended(self, session: Session) -> None:
        """Take in a stay that is over, to learn from it."""
        self.learned.ended(session)
        self._expected = None

    def taper_ms(self, charger: str) -> int:
        """Return how much longer the last part of a charge usually takes who is there now."""
        guest = self._guests.get(charger)
        return self.learned.taper_ms(charger, guest) if guest else 0

    def there(self, guests: Mapping[str, Guest]) -> None:
        """Take in who is at which charger: a vehicle's windows follow it."""
        if guests == self._guests:
            return
        for charger in guests.keys() | self._guests.keys():
            if guests.get(charger) != self._guests.get(charger):
                self._stays.pop(charger, None)
        self._last_at |= {guest.vehicle.id: at for at, guest in guests.items() if guest.vehicle}
        self._guests = guests
        self._expected = None

    def expected(self, wall_ms: int) -> tuple[Window, ...]:
        """Return the windows by which vehicles are expected: stated ones, and what is usual at a bay.

        A vehicle's own is at the charger where it was last.
        """
        self._look(wall_ms)
        if self._expected is None:
            windows = self.windows(wall_ms)
            stated = [
                msgspec.structs.replace(w, charger=self._last_at[w.vehicle]) if w.follows else w
                for w in windows
                if not w.follows or w.vehicle in self._last_at
            ]
            self._expected = (*stated, *self.learned.expected(wall_ms))
        return self._expected

    def windows(self, wall_ms: int) -> tuple[Window, ...]:
        """Return the charge windows of site file and operator, one for each charger or vehicle."""
        year = year_of(wall_ms, self._site.timezone)
        if self._all_windows is None or year != self._year:
            rules = self._book.tariff.holidays if self._book else ()
            closed = holidays.of_year(rules, year) | holidays.of_year(rules, year + 1)
            fleet = self._site.fleet
            self._all_windows = each_charger(self._windows.values(), self._groups, closed, fleet)
            self._year = year
        return self._all_windows

    def ceilings(self, wall_ms: int) -> tuple[Ceiling, ...]:
        """Return what the utility's events limit from this minute on, as far as prices reach."""
        self._look(wall_ms)
        return self._ceilings

    def utility(self, event: UtilitySaid | UtilityTaken | ProgramSaid | OptOut) -> list[AnyCommand]:
        """Take in what the utility has said, or what the operator says to it."""
        self._minute = -1
        match event:
            case OptOut():
                self._utility, commands = dr.opted(self._utility, event)
            case ProgramSaid():
                self._utility, commands = dr.program_said(self._utility, event)
            case UtilityTaken():
                self._utility, commands = dr.taken(self._utility, event)
            case UtilitySaid():
                self._utility, commands = dr.said(self._utility, event)
        return audited(commands)

    def heard(self, event: Link) -> None:
        """Take in whether the utility can be heard."""
        if event.link == "utility":
            self._utility = dr.heard(self._utility, event)

    def stay(self, charger: str, wall_ms: int) -> Stay | None:
        """Return the window that holds for a charger now."""
        self._look(wall_ms)
        if charger not in self._stays:
            self._stays[charger] = self._stay(charger, wall_ms)
        return self._stays[charger]

    def name_of(self, charger: str) -> str:
        """Return what people call the vehicle that is at a charger, "" where nobody knows."""
        guest = self._guests.get(charger)
        return guest.vehicle.name or guest.vehicle.id if guest and guest.vehicle else ""

    def _stay(self, charger: str, wall_ms: int) -> Stay | None:
        guest = self._guests.get(charger)
        vehicle = guest.vehicle if guest else None
        who = vehicle.id if vehicle else ""
        found = stay(self.windows(wall_ms), charger, wall_ms, self._site.timezone, who)
        if found is None and guest is not None:
            found = self.learned.stay(charger, guest, wall_ms)
        if found is None or vehicle is None:
            return found
        window = msgspec.structs.replace(
            found.window,
            vehicle=vehicle.name or vehicle.id,
            priority=found.window.priority or vehicle.priority,
        )
        return replace(found, window=window)

    def prices(self, wall_ms: int) -> list[PriceNow]:
        """Return the prices from this minute on, without overlap, in order of time."""
        self._look(wall_ms)
        return self._prices

    def demand(self, wall_ms: int) -> list[DemandNow]:
        """Return what demand costs from this minute on, and what has been reached: as far as prices()."""
        self._look(wall_ms)
        return self._demand

    def flowed(self, block: LoadBlock) -> None:
        """Count a quarter of an hour that is over: for the peak so far, and for tiers."""
        if self._peaks:
            self._peaks.fold(Quarter.of(block))
            self._minute = -1

    def steering(self, wall_ms: int, export_w: int) -> list[PriceNow]:
        """Return what hours are chosen by.  export_w: what the site would export if nothing charged."""
        self._look(wall_ms)
        now = next((p for p in self._export if p.from_wall_ms <= wall_ms < p.to_wall_ms), None)
        if not export_w or now is None:
            return self._steering
        # What the site would export next minute nobody knows: it counts for this one.
        until = min(now.to_wall_ms, (minute_of(wall_ms) + 1) * MINUTE_MS)
        return overlaid(self._steering, [PriceNow(wall_ms, until, now.price_micro, now.source)])

    def export(self, wall_ms: int) -> list[PriceNow]:
        """Return what is paid for export from this minute on, as far as prices()."""
        self._look(wall_ms)
        return self._paid

    def rate_since(self, wall_ms: int, at_most_ms: int) -> int:
        """Return since when the rate of now holds; what is longer ago than at_most_ms is told as that."""
        begin = wall_ms - at_most_ms
        base: list[PriceNow] = []
        if self._book and self._peaks:
            base = tariffs.prices(self._book, begin, wall_ms + 1, self._peaks.filled)
        rates = overlaid(base, dr.prices(self._utility, begin, wall_ms + 1))
        return max((p.from_wall_ms for p in rates if p.from_wall_ms <= wall_ms), default=begin)

    def limits(self, tick: Tick, seen: Seen) -> list[Hold]:
        """Return what the utility's events limit now."""
        target_w = self._demand_target_w(tick.wall_ms) if tick.wall_trusted else None
        return effects.limits(self._utility, tick, seen, target_w)

    def _demand_target_w(self, wall_ms: int) -> int | None:
        """Return the import above which demand costs more than it does already; None where nothing says so.

        What was reached in the period before is a target as well: a month begins with nothing reached.
        """
        open_now = [
            max(each.already_w, each.before_w or 0)
            for each in self.demand(wall_ms)
            if each.per_kw_micro > 0 and any(begin <= wall_ms < end for begin, end in each.open_wall_ms)
        ]
        return min((target for target in open_now if target), default=None)

    def urged(self, tick: Tick, seen: Seen, vehicles: dict[str, Vehicle]) -> dict[str, str]:
        """Return the chargers whose vehicles do not wait for a lower price, each with the reason."""
        return effects.eager(self._utility, tick, seen, vehicles)

    def events(self, wall_ms: int) -> list[EventNow]:
        """Return the utility's events: limits as far as prices reach, a line for whatever else is known."""
        self._look(wall_ms)
        return self._events

    def coming(self, events: list[EventNow]) -> list[Stay]:
        """Return the windows that hold when events begin, for vehicles that are not there yet."""
        begins = sorted({e.from_wall_ms for e in events if e.limit_w is not None or e.charging_w is not None})
        return [
            found
            for charger in self._site.chargers
            for begin in begins[:EVENTS_LOOKED_AT]
            if (found := stay(self.windows(begin), charger.id, begin, self._site.timezone))
        ]

    def cuts(self, wall_ms: int) -> Cuts:
        """Return where slots of the load history end for the sake of the utility's events."""
        self._look(wall_ms)
        return self._cuts

    def step(self, tick: Tick, seen: Seen) -> list[AnyCommand]:
        """Let events begin and end; measure what the site takes while they limit it."""
        before = self._utility
        self._utility, commands = dr.step(self._utility, tick, seen.site_w, seen)
        if commands or before.trusted != self._utility.trusted:
            self._minute = -1
        return audited(commands)

    def _look(self, wall_ms: int) -> None:
        minute = minute_of(wall_ms)
        if minute == self._minute:
            return
        self._minute = minute
        self._stays = {}
        self._expected = None
        until = wall_ms + PRICES_FOR_MS
        base: list[PriceNow] = []
        if self._book and self._peaks:
            base = tariffs.prices(self._book, wall_ms, until, self._peaks.filled)
            self._demand = self._peaks.ahead(wall_ms, until)
        self._prices = overlaid(base, dr.prices(self._utility, wall_ms, until))
        self._steering = added(self._prices, dr.prices(self._utility, wall_ms, until, "GHG"))
        self._export = dr.prices(self._utility, wall_ms, until, "EXPORT_PRICE")
        paid = tariffs.export_prices(self._book, wall_ms, until) if self._book else []
        self._paid = overlaid(paid, self._export)
        self._events = dr.listed(self._utility, wall_ms, until)
        self._ceilings = tuple(dr.ceilings(self._utility, self._site.nodes[0].id, wall_ms, until))
        events = (known.event for known in self._utility.known.values())
        self._cuts.look(events, wall_ms - MINUTE_MS, wall_ms + 2 * MINUTE_MS)


def audited(commands: list[AnyCommand]) -> list[AnyCommand]:
    """Add a line of the audit log for every step of an event; what was refused has one already."""
    found: list[AnyCommand] = []
    for command in commands:
        found.append(command)
        if isinstance(command, Keep) and isinstance(command.row, EventStep) and command.row.step != "refused":
            row = command.row
            outcome = f"{row.step}: {row.cause}" if row.cause else row.step
            found.append(Audit("utility", f"event {row.event_id}", outcome))
    return found
