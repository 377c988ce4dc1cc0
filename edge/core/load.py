"""The site's load by quarters of an hour: what bills, demand charges and baselines are made of.

Rule 1: quarters begin where they begin on every clock in use: at whole quarters of UTC.  A day on which
        clocks change then has 92 or 100 of them without anybody counting.
Rule 2: time is counted on the monotonic clock; the wall clock only says which quarter it was.
Rule 3: what was not measured is not counted: a gap is neither zero nor the last value.  After a restart the
        meter's own counter fills it, if the quarter is still the same.
Rule 4: a quarter that is over is not opened again, even if the clock is set back.

    load.step(tick, site, sessions) -> rows that have grown: every five minutes, and when a quarter ends

Source: clock-aligned demand intervals as utility meters keep them (a burst that straddles two is split).
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from edge.core.compliance import READING_HOLDS_MS
from edge.model.flow import Restored, Tick
from edge.model.records import ChargeBlock, Kept, LoadBlock, Session
from edge.model.units import MINUTE_MS, QUARTER_MS

_WMS_PER_WH = 3_600_000

NOTHING: Mapping[str, int] = MappingProxyType({})

# An open quarter is told this often, so that a power cut takes little of it.
TOLD_EVERY_MS = 5 * MINUTE_MS


class SiteNow(NamedTuple):
    """The main meter now.  power_w, counter_wh: None while unknown, or where it has none."""

    power_w: int | None
    counter_wh: int | None


class Load:
    """The quarter of an hour that is running.

    What is finer than a Wh is carried into the next quarter, so that a month's sum is exact.
    holds_ms: how long a reading counts on; as long as the meter is believed at all.
    """

    def __init__(self, holds_ms: int = READING_HOLDS_MS) -> None:
        self._holds_ms = holds_ms
        self._start_ms: int | None = None  # of the quarter, UTC
        self._import_wms = 0
        self._export_wms = 0
        self._carried_wms = 0  # of the quarter before, finer than a Wh
        self._measured_ms = 0
        self._counter_wh: int | None = None
        self._counter_start_ms: int | None = None  # the quarter in which the counter was read
        self._last: tuple[int, int] | None = None  # at_ms, power_w
        self._got_wh: dict[str, int] = {}  # by session, in this quarter
        self._given_wms: dict[str, int] = {}  # likewise
        self._given_at_ms = 0
        self._seen_wh: dict[str, int] = {}  # by session, as last seen
        self._charger: dict[str, str] = {}
        self._there: set[str] = set()
        self._told_ms = 0
        self.finished: LoadBlock | None = None

    def restored(self, event: Restored) -> None:
        """Go on with the quarter that was running when the gateway last ran, if it still is."""
        start_ms = event.wall_ms // QUARTER_MS * QUARTER_MS
        for row in event.kept:
            if isinstance(row, LoadBlock) and row.start_wall_ms == start_ms:
                self._start_ms, self._counter_wh = start_ms, row.counter_wh
                self._counter_start_ms = start_ms
                self._import_wms, self._export_wms = row.import_wh * _WMS_PER_WH, row.export_wh * _WMS_PER_WH
                self._measured_ms = row.measured_ms
            elif isinstance(row, ChargeBlock) and row.start_wall_ms == start_ms:
                self._got_wh[row.session_id] = row.energy_wh
                self._given_wms[row.session_id] = row.given_wh * _WMS_PER_WH
                self._charger[row.session_id] = row.charger
            elif isinstance(row, Session) and row.end_wall_ms is None:
                self._seen_wh[row.id] = row.energy_wh

    def step(
        self, tick: Tick, site: SiteNow, sessions: Iterable[Session], given_w: Mapping[str, int] = NOTHING
    ) -> list[Kept]:
        """Fold one tick; return the rows to keep.  `finished` is the quarter that has just ended, or None.

        given_w: by charger, what its vehicle gives back now.
        """
        self.finished = None
        if not tick.wall_trusted:
            self._last = None
            return []
        start_ms = tick.wall_ms // QUARTER_MS * QUARTER_MS
        rows: list[Kept] = []
        if self._start_ms is None:
            self._open(start_ms, tick.wall_ms)
        elif start_ms > self._start_ms:
            into_ms = tick.wall_ms - start_ms
            if start_ms == self._start_ms + QUARTER_MS:
                self._flow(tick.at_ms - into_ms)
            rows = self._close()
            self._open(start_ms, tick.wall_ms)
        if start_ms == self._start_ms:  # else the clock was set back: wait until it comes here again
            self._fold(tick, site, sessions, given_w)
        else:
            self._last = None
        if not rows and tick.wall_ms - self._told_ms >= TOLD_EVERY_MS:
            self._told_ms = tick.wall_ms
            rows = self._rows()
        return rows

    def mean_w(self) -> int | None:
        """Return the mean of the running quarter so far, None before anything was measured; up (I8)."""
        if not self._measured_ms:
            return None
        return -(-max(0, self._import_wms - self._carried_wms) // self._measured_ms)

    def _open(self, start_ms: int, wall_ms: int) -> None:
        self._start_ms, self._told_ms = start_ms, wall_ms

    def _fold(
        self, tick: Tick, site: SiteNow, sessions: Iterable[Session], given_w: Mapping[str, int]
    ) -> None:
        self._flow(tick.at_ms)
        if site.counter_wh is not None:
            if self._last is None:
                self._fill(site.counter_wh, tick.wall_ms)
            self._counter_wh, self._counter_start_ms = site.counter_wh, self._start_ms
        self._last = (tick.at_ms, site.power_w) if site.power_w is not None else None
        self._there = set()
        passed_ms, self._given_at_ms = tick.at_ms - self._given_at_ms, tick.at_ms
        passed_ms = passed_ms if 0 < passed_ms <= READING_HOLDS_MS else 0
        for session in sessions:
            new_wh = 0 if session.start_wall_ms >= (self._start_ms or 0) else session.energy_wh
            grown_wh = session.energy_wh - self._seen_wh.get(session.id, new_wh)
            if grown_wh > 0:
                self._got_wh[session.id] = self._got_wh.get(session.id, 0) + grown_wh
            given_wms = given_w.get(session.charger, 0) * passed_ms
            if given_wms:
                self._given_wms[session.id] = self._given_wms.get(session.id, 0) + given_wms
            self._seen_wh[session.id] = session.energy_wh
            self._charger[session.id] = session.charger
            self._there.add(session.id)

    def _fill(self, counter_wh: int, wall_ms: int) -> None:
        """Count what the meter has counted in this quarter while nobody looked."""
        if self._start_ms is None or self._counter_wh is None or self._counter_start_ms != self._start_ms:
            return
        missed_ms = wall_ms - self._start_ms - self._measured_ms
        flowed_wh = counter_wh - self._counter_wh
        if flowed_wh >= 0 and missed_ms > 0:
            self._import_wms += flowed_wh * _WMS_PER_WH
            self._measured_ms += missed_ms

    def _flow(self, at_ms: int) -> None:
        """Count what has flowed since the last tick."""
        if self._last is None:
            return
        last_ms, power_w = self._last
        passed_ms = at_ms - last_ms
        if 0 < passed_ms <= self._holds_ms:
            if power_w >= 0:
                self._import_wms += power_w * passed_ms
            else:
                self._export_wms -= power_w * passed_ms
            self._measured_ms += passed_ms
            self._last = (at_ms, power_w)

    def _close(self) -> list[Kept]:
        rows = self._rows()
        block = rows[0]
        assert isinstance(block, LoadBlock)
        self.finished = block
        self._import_wms -= block.import_wh * _WMS_PER_WH
        self._export_wms -= block.export_wh * _WMS_PER_WH
        self._carried_wms = self._import_wms
        self._measured_ms = 0
        self._seen_wh = {k: wh for k, wh in self._seen_wh.items() if k in self._there}
        self._charger = {k: charger for k, charger in self._charger.items() if k in self._there}
        self._got_wh = {}
        self._given_wms = {}
        return rows

    def _rows(self) -> list[Kept]:
        assert self._start_ms is not None
        block = LoadBlock(
            start_wall_ms=self._start_ms,
            import_wh=max(0, self._import_wms) // _WMS_PER_WH,
            export_wh=max(0, self._export_wms) // _WMS_PER_WH,
            charging_wh=sum(self._got_wh.values()),
            measured_ms=min(QUARTER_MS, self._measured_ms),
            counter_wh=self._counter_wh,
        )
        charged = [
            ChargeBlock(
                session,
                self._start_ms,
                self._charger[session],
                self._got_wh.get(session, 0),
                self._given_wms.get(session, 0) // _WMS_PER_WH,
            )
            for session in sorted({*self._got_wh, *self._given_wms})
        ]
        return [block, *charged]
