"""A charger of any family that has a driver table: its registers, and the supervision that the table names.

    validity            a setpoint holds for a time
    alive_bit           we write 1, the device clears it and looks again
    token               we write a magic number
    any_request         any request counts; station_poll: likewise
    any_write           only a write counts
    rewritten_timeout   the timeout register is written again
    enabled_watchdog    as token, once it has been written first

What a device of the family does besides that (standby, forgotten settings, odd states) is not known here.
"""

from fractions import Fraction

from drivers.table import Setting, Step, Table
from edge.model.site import Charger as SiteCharger
from edge.sim.charger import Charger
from edge.sim.families import encode
from edge.sim.families.from_table import Map, Truth, known_of, nominal
from edge.sim.registers import ILLEGAL_VALUE, Action, NoAnswer, Refused, Registers, Words
from edge.sim.registers import Table as Space

# The time after which a device falls back, where neither its table nor the site file says.
TIME_MS = 30_000
DELIVERED_A = 6.0  # a fallback that nobody has written yet
FED_BY_REQUEST = ("any_request", "station_poll")
FED_BY_KEEPING = ("alive_bit", "token", "enabled_watchdog")


class TableCharger(Charger):
    """One charger.  Its settings are kept by name as they were written, in counts."""

    def __init__(self, site: SiteCharger, table: Table) -> None:
        super().__init__(site.id, site.phases, site.max_ma / 1000, site.fallback_ma / 1000)
        self.table, self.site = table, site
        self.settings: dict[str, float] = {}
        self._fallback_a = self.fallback_a
        self._wanted_a: float | None = None
        self._aborted = False
        self._read_at_ms = -TIME_MS
        control = table.control
        steps = control.set if control else ()
        self._currents = {s.setting for s in steps if s.what == "current"}
        self._discharges = {
            s.setting for s in (control.discharge if control else ()) if s.what == "discharge"
        }
        armed = (*table.arm, *table.commission)
        self._fallbacks = {s.setting for s in armed if s.what == "fallback"}
        self._times = {s.setting for s in armed if s.what == "time"}
        self._pauses = [s for s in (control.pause if control else ()) if isinstance(s.what, Fraction)]
        self._defaults()

    def _defaults(self) -> None:
        supervision = self.table.supervision
        self.time_ms = self.site.valid_for_ms or supervision.time_ms or TIME_MS
        self.fed_at_ms = self.now_ms
        self.settings.clear()
        self._wanted_a = None
        self._aborted = False
        delivered_a = {"stops": 0.0, "written": DELIVERED_A}
        self.fallback_a = delivered_a.get(supervision.fallback, self._fallback_a)

    def power_cycle(self) -> None:
        """Lose every setting."""
        super().power_cycle()
        self._defaults()

    # -- supervision ------------------------------------------------------------------------------------

    def heard(self) -> None:
        """A good request has come."""
        super().heard()
        if self.table.supervision.kind in FED_BY_REQUEST:
            self.fed_at_ms = self.now_ms

    @property
    def expired(self) -> bool:
        """Whether nothing has fed the watchdog for too long."""
        if self.table.supervision.kind == "none" or self.table.supervision.fallback == "none":
            return False
        return self.now_ms - self.fed_at_ms > self.time_ms

    @property
    def paused(self) -> bool:
        """Whether one of the settings that pause says so."""
        return any(
            s.setting not in self._currents and self.settings.get(s.setting) == self._count(s)
            for s in self._pauses
        )

    def applied_a(self) -> float:
        """Return what it offers now; before anybody has told it anything, all that it has."""
        if self._aborted:
            return 0.0
        if self.expired:
            return min(self.fallback_a, self.max_a)
        if self.paused:
            return 0.0
        return self.max_a if self._wanted_a is None else min(self._wanted_a, self.max_a)

    def unplug(self) -> None:
        """The vehicle leaves; an aborted session is over."""
        super().unplug()
        self._aborted = False

    # -- writes -----------------------------------------------------------------------------------------

    def _count(self, step: Step) -> float:
        """Return a constant of a step as the count that is written."""
        setting = self.table.settings[step.setting]
        assert isinstance(step.what, Fraction)
        return float(step.what if step.raw else step.what * setting.printed / setting.factor)

    def _write(self, setting: Setting, words: Words) -> None:
        count = encode.number_from(setting.type.name, words, setting.order == "little", setting.swap)
        value = count * float(self._factor(setting))
        if not self._accepts(setting, count, value):
            raise Refused(ILLEGAL_VALUE)
        self.settings[setting.name] = count
        self._feed(setting, count)
        if setting.name in self._fallbacks:
            self.fallback_a = self._amps(setting, value)
        elif setting.name in self._times:
            self.time_ms = nominal(value)
        elif setting.name in self._currents:
            self._set_current(setting, count, value)
        elif setting.name in self._discharges:
            if value > 0:
                self._wanted_a = -self._amps(setting, value)
                self.take_setpoint(0.0 if self.paused else self._wanted_a)
        elif any(s.setting == setting.name for s in self._pauses):
            self.take_setpoint(0.0 if self.paused else self._wanted_a or 0.0)

    def _factor(self, setting: Setting) -> Fraction:
        values = self.map.values()
        return next((f for c, f in setting.unit_if if c.holds(values)), setting.factor)

    def _accepts(self, setting: Setting, count: float, value: float) -> bool:
        zero = self.table.control.zero if self.table.control else "refused"
        if setting.name in self._currents and count == 0:
            return zero in ("pauses", "no_limit", "aborts")
        inside = any(float(low) <= value <= float(high) for low, high in setting.accepts)
        return inside or count in setting.raw or not setting.accepts

    def _set_current(self, setting: Setting, count: float, value: float) -> None:
        assert self.table.control is not None
        zero = self.table.control.zero
        if any(s.setting == setting.name and s.raw and self._count(s) == count for s in self._pauses):
            value = 0.0
        elif count == 0 and zero == "aborts":
            self._aborted = True
        self._wanted_a = None if count == 0 and zero == "no_limit" else self._amps(setting, value)
        told_a = self.max_a if self._wanted_a is None else self._wanted_a
        self.take_setpoint(0.0 if self.paused else told_a)

    @property
    def _conductors(self) -> int:
        """How many conductors a power is spread over: the vehicle's, while one is there."""
        wired = len(self.phases)
        return min(wired, self.vehicle.phases) if self.vehicle else wired

    def _amps(self, setting: Setting, value: float) -> float:
        if setting.dimension == "w":
            return value / (230 * self._conductors)
        return value / 1000 if setting.dimension == "ma" else value

    def _feed(self, setting: Setting, count: float) -> None:
        supervision = self.table.supervision
        keeps = {s.setting: s for s in supervision.keep}
        fed = {
            "validity": setting.name in self._currents,
            "any_write": True,
            "rewritten_timeout": setting.name in self._times or setting.name in keeps,
        }.get(supervision.kind, False)
        if supervision.kind in FED_BY_KEEPING and not keeps:
            fed = True
        elif supervision.kind in FED_BY_KEEPING and setting.name in keeps:
            step = keeps[setting.name]
            fed = not isinstance(step.what, Fraction) or self._count(step) == count
        if fed:
            self.fed_at_ms = self.now_ms

    # -- the map ----------------------------------------------------------------------------------------

    def truth(self) -> Truth:
        """Return what is true of it, in quantities."""
        letter = "F" if self._aborted else self.state[0]
        session_wh = self.vehicle.got_wh if self.vehicle else 0.0
        applied_ma = nominal(self.applied_a() * 1000)
        found: dict[str, int | str] = {
            "state": "B" if letter == "C" and not self.offered_a and not self.gives_a else letter,
            "plugged": int(self.vehicle is not None),
            "charging": int(self.closed),
            "enabled": int(not self.paused),
            "available": int(not self.fault),
            "authorised": int(self.vehicle is not None),
            "locked": 0,
            "tag": self.vehicle.card if self.vehicle else "",
            "error_code": int(self.fault),
            "power_w": nominal(self.power_w),
            "energy_import_wh": nominal(self.energy_wh),
            "energy_export_wh": nominal(self.export_wh),
            "session_energy_wh": nominal(session_wh),
            "soc_pm": (self.vehicle.soc_pm if self.vehicle else None) or 0,
            "session_time_s": (self.now_ms - self.plugged_at_ms) // 1000 if self.vehicle else 0,
            "frequency_mhz": 50_000,
            "power_factor_pm": 1_000,
            "temperature_mc": 30_000,
            "setpoint_ma": nominal((self.max_a if self._wanted_a is None else self._wanted_a) * 1000),
            "setpoint_power_w": nominal((self._wanted_a or 0.0) * 230 * self._conductors),
            "limit_ma": applied_ma,
            "offered_current_ma": nominal(self.offered_a * 1000),
            "fallback_ma": nominal(self.fallback_a * 1000),
            "fallback_power_w": nominal(self.fallback_a * 230 * self._conductors),
            "supervision_time_ms": self.time_ms,
            "max_current_ma": nominal(self.max_a * 1000),
            "min_current_ma": 6_000,
            "max_power_w": nominal(self.max_a * 230 * self._conductors),
            "phases": len(self.phases),
            "connectors": self.table.connectors.max,
            "starts": self.starts,
            "manufacturer": self.table.vendor,
            "serial": "SIM1",
            "firmware": "9.9.9",
        }
        for n in range(3):
            found |= {
                f"voltage_l{n + 1}_mv": nominal(self.voltages_v[n] * 1000),
                f"current_l{n + 1}_ma": nominal(self.currents_a[n] * 1000),
                f"power_l{n + 1}_w": nominal(self.currents_a[n] * self.voltages_v[n]),
                f"energy_import_l{n + 1}_wh": nominal(self.energy_phase_wh[n]),
                f"limit_l{n + 1}_ma": applied_ma,
            }
        return found

    def registers_by_unit(self) -> dict[int, Registers]:
        """Return its maps: its own unit's, and that of the station where it has one."""
        known = known_of(self.table, self.truth())
        self.map = Map(
            self.table,
            self.site.at.unit,
            self.site.connector,
            known,
            lambda: {k: v for k, v in self.truth().items() if k in known},
        )
        for setting in self.table.settings.values():
            self._add_setting(setting)
        return self.map.by_unit

    def _add_setting(self, setting: Setting) -> None:
        unit = self.site.at.unit if setting.unit is None else setting.unit
        registers = self.map.by_unit.setdefault(unit, Registers())
        space: Space = "coil" if setting.function in (5, 15) else "holding"
        address = setting.address + (0 if setting.station else self.map.offset)
        registers.act(
            space,
            Action(
                address, setting.type.count, lambda words: self._write(setting, words), (setting.function,)
            ),
        )

    def check_pace(self) -> None:
        """Raise NoAnswer where a read comes sooner than the device bears."""
        every_ms = self.table.limits.read_every_ms
        if self.now_ms - self._read_at_ms < every_ms * 4 // 5:
            raise NoAnswer
        self._read_at_ms = self.now_ms
