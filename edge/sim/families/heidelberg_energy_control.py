"""Heidelberg Energy Control: one wallbox on RTU; any request feeds its watchdog.

Its settings are lost at power-on: watchdog 15 s, failsafe current 0, setpoint 0, standby allowed.  When
the watchdog has waited too long the failsafe current applies; with 0 there it shows an error.  With
standby allowed it becomes deaf while nothing is plugged in; a vehicle wakes it.

Source: Heidelberg Wallbox Energy Control, Modbus register table (layout 1.0.8).
"""

from edge.model.site import Charger as SiteCharger
from edge.sim.charger import Charger
from edge.sim.registers import ILLEGAL_VALUE, Refused, Registers, Words, s16, text, u16, u32

LAYOUT = 0x108
HARD_MAX_A = 16.0
WATCHDOG_MS = 15_000
STANDBY_AFTER_MS = 600_000  # ours: the manual only says that it sleeps when nothing happens
STANDBY_ALLOWED, STANDBY_OFF = 0, 4
UNDEFINED, ERROR, LOCKED, FAULT = 1, 9, 10, 11
STATES = {"A": (2, 3), "B1": (4, 4), "B2": (5, 5), "C1": (6, 6), "C2": (7, 7)}  # (not offering, offering)


class HeidelbergEnergyControl(Charger):
    """One wallbox."""

    def __init__(self, site: SiteCharger) -> None:
        super().__init__(site.id, site.phases, min(site.max_ma / 1000, HARD_MAX_A), 0.0)
        self.on_since_wh = 0.0
        self.busy_at_ms = 0
        self._defaults()

    def _defaults(self) -> None:
        self.watchdog_ms = WATCHDOG_MS
        self.standby = STANDBY_ALLOWED
        self.unlocked = 1
        self.fallback_a = 0.0

    def power_cycle(self) -> None:
        """Lose every setting, and start to count energy since power-on again."""
        super().power_cycle()
        self._defaults()
        self.on_since_wh = self.energy_wh

    @property
    def expired(self) -> bool:
        """Whether the watchdog has waited too long for a request."""
        return self.watchdog_ms > 0 and self.now_ms - self.heard_at_ms > self.watchdog_ms

    def applied_a(self) -> float:
        """Return the setpoint, or the failsafe current after silence; 0 while locked."""
        if not self.unlocked:
            return 0.0
        wanted = self.fallback_a if self.expired else super().applied_a()
        return min(wanted, self.max_a)

    @property
    def asleep(self) -> bool:
        """Whether standby has made it deaf."""
        if self.vehicle is not None:
            self.busy_at_ms = self.now_ms
        idle_since = max(self.busy_at_ms, self.heard_at_ms)
        return self.standby == STANDBY_ALLOWED and self.now_ms - idle_since > STANDBY_AFTER_MS

    @property
    def silent(self) -> bool:
        """Whether it does not answer: cut off, or asleep."""
        return self._cut_off or self.asleep

    @silent.setter
    def silent(self, value: bool) -> None:
        self._cut_off = value

    @property
    def state_number(self) -> int:
        """The state as its register 5 tells it."""
        if self.fault:
            return FAULT
        if not self.unlocked:
            return LOCKED
        if self.expired and self.fallback_a == 0:
            return ERROR
        return STATES[self.state][1 if self.applied_a() else 0]

    def _setpoint_a(self) -> float:
        return self.told.current_ma / 1000 if self.told else 0.0

    def _write_setpoint(self, words: Words) -> None:
        self.take_setpoint(_tenths(words, HARD_MAX_A))

    def _write_failsafe(self, words: Words) -> None:
        self.fallback_a = _tenths(words, HARD_MAX_A)

    def _write_watchdog(self, words: Words) -> None:
        self.watchdog_ms = words[0]

    def _write_standby(self, words: Words) -> None:
        if words[0] not in (STANDBY_ALLOWED, STANDBY_OFF):
            raise Refused(ILLEGAL_VALUE)
        self.standby = words[0]

    def _write_lock(self, words: Words) -> None:
        if words[0] not in (0, 1):
            raise Refused(ILLEGAL_VALUE)
        self.unlocked = words[0]

    def registers(self) -> Registers:
        """Return the map: input registers tell, holding registers are told (and can be read)."""
        r = Registers()
        r.add("input", 4, lambda: u16(LAYOUT))
        r.add("input", 5, lambda: u16(self.state_number))
        r.add_three("input", 6, lambda p: u16(self.currents_a[p] * 10))
        r.add_three("input", 10, lambda p: u16(self.voltages_v[p]))
        r.add("input", 9, lambda: s16(284))  # 28.4 °C
        r.add("input", 13, lambda: u16(1))  # the external lock contact is open: unlocked
        r.add("input", 14, lambda: u16(self.power_w))
        r.add("input", 15, lambda: u32(self.energy_wh - self.on_since_wh))
        r.add("input", 17, lambda: u32(self.energy_wh))
        r.add("input", 100, lambda: u16(self.max_a))
        r.add("input", 101, lambda: u16(6))
        r.add("input", 102, lambda: text(f"SIM {self.id}", 32))
        r.add("input", 200, lambda: u16(1))
        r.add("input", 203, lambda: u16(108))
        r.add("holding", 257, lambda: u16(self.watchdog_ms), self._write_watchdog)
        r.add("holding", 258, lambda: u16(self.standby), self._write_standby)
        r.add("holding", 259, lambda: u16(self.unlocked), self._write_lock)
        r.add("holding", 261, lambda: u16(self._setpoint_a() * 10), self._write_setpoint)
        r.add("holding", 262, lambda: u16(self.fallback_a * 10), self._write_failsafe)
        return r


def _tenths(words: Words, most_a: float) -> float:
    """Return tenths of amps as amps: 0, or 6 A to its maximum."""
    if words[0] != 0 and not 60 <= words[0] <= most_a * 10:
        raise Refused(ILLEGAL_VALUE)
    return words[0] / 10
