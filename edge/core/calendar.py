"""What holds when: charge windows, prices, and the utility's events, with what they limit.

Prices of an event take the place of the tariff's in their time.  What changes with the minute only is worked
out once a minute, or when something new is said.
"""

from edge.core import demand_response as dr
from edge.core import tariff as tariffs
from edge.core.limits import Cap
from edge.core.loadbook import Cuts
from edge.core.prices import overlaid
from edge.core.windows import Stay, clock, minute_of, stay
from edge.model.flow import AnyCommand, OptOut, Restored, Tick, UtilitySaid, WindowRemoved, WindowSet
from edge.model.records import EventNow, PriceNow
from edge.model.site import Site
from edge.model.tariff import Tariff
from edge.model.units import HOUR_MS, MINUTE_MS, kw_text

# Windows reach into the next day, and a utility tells tomorrow's prices in the afternoon.
PRICES_FOR_MS = 36 * HOUR_MS


class Calendar:
    """The windows, the tariff and the utility's events of one site."""

    def __init__(self, site: Site, tariff: Tariff | None) -> None:
        self._site = site
        self._tariff = tariff
        self._windows = {w.id: w for w in site.windows}
        self._utility = dr.State.of(site)
        self._minute = -1
        self._prices: list[PriceNow] = []
        self._events: list[EventNow] = []
        self._stays: dict[str, Stay | None] = {}
        self._cuts = Cuts()

    def restored(self, event: Restored) -> list[AnyCommand]:
        """Take over what the store knew: windows of the operator, events of the utility."""
        self._windows |= {w.id: w for w in event.windows}
        self._utility, commands = dr.restored(self._utility, event)
        self._minute = -1
        return commands

    def window(self, event: WindowSet | WindowRemoved) -> None:
        """Take in a charge window that was set or removed; who did it is on the desk's audit log."""
        self._minute = -1
        if isinstance(event, WindowRemoved):
            self._windows.pop(event.window_id, None)
        else:
            self._windows[event.window.id] = event.window

    def utility(self, event: UtilitySaid | OptOut) -> list[AnyCommand]:
        """Take in what the utility has said, or what the operator says to it."""
        self._minute = -1
        if isinstance(event, OptOut):
            self._utility, commands = dr.opted(self._utility, event)
        else:
            self._utility, commands = dr.said(self._utility, event)
        return commands

    def stay(self, charger: str, wall_ms: int) -> Stay | None:
        """Return the window that holds for a charger now."""
        self._look(wall_ms)
        if charger not in self._stays:
            windows = list(self._windows.values())
            self._stays[charger] = stay(windows, charger, wall_ms, self._site.timezone)
        return self._stays[charger]

    def prices(self, wall_ms: int) -> list[PriceNow]:
        """Return the prices from this minute on, without overlap, in order of time."""
        self._look(wall_ms)
        return self._prices

    def caps(self, tick: Tick) -> list[Cap]:
        """Return what the utility's events limit now: the power of the whole site."""
        found = dr.limit(self._utility, tick)
        if found is None:
            return []
        until = f" until {clock(found.until_wall_ms, self._site.timezone)}" if found.until_wall_ms else ""
        because = f"{found.because}, {kw_text(found.limit_w)}{until}"
        return [Cap(self._site.nodes[0].id, because, limit_w=found.limit_w)]

    def events(self, wall_ms: int) -> list[EventNow]:
        """Return the utility's events: limits as far as prices reach, a line for whatever else is known."""
        self._look(wall_ms)
        return self._events

    def cuts(self, wall_ms: int) -> Cuts:
        """Return where slots of the load history end for the sake of the utility's events."""
        self._look(wall_ms)
        return self._cuts

    def step(self, tick: Tick, power_w: int | None) -> list[AnyCommand]:
        """Let events begin and end; measure what the site takes while they limit it."""
        before = self._utility
        self._utility, commands = dr.step(self._utility, tick, power_w)
        if commands or before.trusted != self._utility.trusted:
            self._minute = -1
        return commands

    def _look(self, wall_ms: int) -> None:
        minute = minute_of(wall_ms)
        if minute == self._minute:
            return
        self._minute = minute
        self._stays = {}
        until = wall_ms + PRICES_FOR_MS
        base = tariffs.prices(self._tariff, wall_ms, until) if self._tariff else []
        self._prices = overlaid(base, dr.prices(self._utility, wall_ms, until))
        self._events = dr.listed(self._utility, wall_ms, until)
        events = (known.event for known in self._utility.known.values())
        self._cuts.look(events, wall_ms - MINUTE_MS, wall_ms + 2 * MINUTE_MS)
