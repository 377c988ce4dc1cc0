"""What is known, and how old it is.  Telemetry is folded in here; nothing is decided here.

Rule 1: what a charger may draw is the highest of what it was told, what it was told before until the
        decrease has been seen, what it is measured to draw, and its fallback while it is silent (I1).
Rule 2: a value without an age does not exist.  What is too old is unknown, never zero (I3).
Rule 3: currents are kept on the site's phases; the device's own order ends in this file.
"""

from collections import deque
from dataclasses import dataclass, field

from edge.model.quantities import CURRENT_KEYS, POWER_KEYS, VOLTAGE_KEYS
from edge.model.site import Charger, Meter, Policy, Site
from edge.model.units import PHASES, Triple

# How long currents of chargers are kept, to find what surely flowed when a meter was read.
HISTORY_MS = 4_000

# A decrease counts as seen when the measured current is at most this much above the setpoint: the
# accuracy of a charger's own meter (class 1) and its rounding.
SEEN_TOLERANCE_MA = 500

# A charger that does not measure its current is believed after the 5 s that IEC 61851-1 gives the
# charger and the 5 s that it gives the vehicle.
UNSEEN_MS = 10_000

# The least plausible voltage, of a thousand: nominal less 10 % (EN 50160, 4.2.2).
LOWEST_VOLTAGE_PM = 900

# A silent charger has reached its fallback when its own timer has run out and the vehicle has followed.
FOLLOW_MS = 13_200


def on_site_phases(
    values: dict[str, int | str], keys: tuple[str, ...], phases: tuple[int, ...]
) -> Triple | None:
    """Return a device's per-phase values in the site's order, None if not all of its phases are there."""
    triple = [0, 0, 0]
    for key, phase in zip(keys, phases, strict=False):
        value = values.get(key)
        if not isinstance(value, int):
            return None
        triple[phase] = value
    return (triple[0], triple[1], triple[2])


def _signed(currents: Triple, powers_w: Triple | None) -> Triple:
    """Return currents with the sign of their phase's power: many meters show magnitudes alone.

    The power of all phases together says nothing of one of them, which may take while the others give.
    """
    if powers_w is None:
        return currents
    l1, l2, l3 = (-abs(a) if w < 0 else a for a, w in zip(currents, powers_w, strict=True))
    return (l1, l2, l3)


def _given_back(
    values: dict[str, int | str], currents: Triple | None, phases: tuple[int, ...], voltage_v: int
) -> Triple | None:
    """Return a charger's currents with their sign: what comes out of its vehicle is below 0.

    One that tells its power alone is taken to give the most that this power can be, so that what the site
    takes besides is not counted too low.  What goes in that way is not told by phase, and counts as before.
    """
    power_w = values.get("power_w")
    if not isinstance(power_w, int) or power_w >= 0:
        return currents
    if currents is not None:
        return (-abs(currents[0]), -abs(currents[1]), -abs(currents[2]))
    most_ma = -(power_w * 1_000_000 // (len(phases) * voltage_v * LOWEST_VOLTAGE_PM))
    l1, l2, l3 = (-most_ma if p in phases else 0 for p in PHASES)
    return (l1, l2, l3)


@dataclass(slots=True)
class MeterKnown:
    """A meter's latest.  at_ms: None until it has answered once.  counter_wh: import, as far as it counts.

    line: how its line does (quantities line_…).
    """

    currents_ma: Triple | None = None
    power_w: int | None = None
    voltages_mv: tuple[int, ...] = ()
    at_ms: int | None = None
    counter_wh: int | None = None
    line: dict[str, int | str] = field(default_factory=dict)

    def read(self, meter: Meter, at_ms: int, values: dict[str, int | str]) -> None:
        """Take in a reading; one without currents does not make the meter any younger."""
        currents = on_site_phases(values, CURRENT_KEYS, meter.phases)
        if currents is not None:
            ratio = meter.ratio
            currents = _signed(currents, on_site_phases(values, POWER_KEYS, meter.phases))
            self.currents_ma = (currents[0] * ratio, currents[1] * ratio, currents[2] * ratio)
            self.at_ms = at_ms
            power = values.get("power_w")
            if not isinstance(power, int):
                parts = on_site_phases(values, POWER_KEYS, meter.phases)
                power = sum(parts) if parts is not None else None
            self.power_w = power * ratio if power is not None else None
        self.line.update((key, value) for key, value in values.items() if key.startswith("line_"))
        counter = values.get("energy_import_wh")
        if isinstance(counter, int):
            self.counter_wh = counter * meter.ratio
        voltages = on_site_phases(values, VOLTAGE_KEYS, meter.phases)
        if voltages is not None:
            self.voltages_mv = voltages

    def age_ms(self, now_ms: int) -> int | None:
        """Return how old the currents are, None if there never were any."""
        return None if self.at_ms is None else now_ms - self.at_ms


@dataclass(slots=True)
class ChargerKnown:
    """A charger's latest, and the worst case of what it may draw.

    told_ma: the newest setpoint, None before the first.  written_at_ms: when the device accepted it.
    raised_at_ms, raised_ma: the last raise, None once it has arrived or had the time to.
    may_ma: rule 1, per phase.  changed_at_ms: when told_ma last moved.
    currents: (at_ms, as measured, as far as we are the reason for it).  told_before: higher setpoints, and
    until when the vehicle may still be on its way down from them.
    give_ma: what it is told to give back; may_give_ma: the most that it may still be giving, per phase.
    """

    max_ma: int
    fallback_ma: int
    online: bool = False
    values: dict[str, int | str] = field(default_factory=dict)
    at_ms: int | None = None
    currents: deque[tuple[int, Triple, Triple]] = field(default_factory=deque)
    told_before: deque[tuple[int, int]] = field(default_factory=deque)
    phases: tuple[int, ...] = ()
    give_ma: int = 0
    may_give_ma: int = 0
    power_w: int | None = None
    told_ma: int | None = None
    written_at_ms: int | None = None
    may_ma: int = 0
    changed_at_ms: int | None = None
    raised_at_ms: int | None = None
    raised_ma: int = 0
    lost_why: str = ""

    def __post_init__(self) -> None:
        # Before it has answered, it may be at its maximum: an earlier life of ours may have told it so.
        self.may_ma = self.max_ma

    @property
    def state(self) -> str:
        """The IEC 61851-1 letter, X while it cannot say."""
        return str(self.values.get("state", "X"))

    def read(self, charger: Charger, at_ms: int, values: dict[str, int | str], voltage_v: int = 230) -> None:
        """Take in a reading, and see whether the last decrease has arrived."""
        self.values.update(values)
        self.at_ms = at_ms
        currents = on_site_phases(values, CURRENT_KEYS, charger.phases)
        if charger.discharge_ma:
            currents = _given_back(values, currents, charger.phases, voltage_v)
            if currents is not None or "power_w" in values:
                self.phases = charger.phases
                self.may_give_ma = max(self.give_ma, -min(currents or (0,)))
        if currents is not None:
            most_ma = self._ours_ma(at_ms)
            ours = (min(currents[0], most_ma), min(currents[1], most_ma), min(currents[2], most_ma))
            self.currents.append((at_ms, currents, ours))
            while self.currents[0][0] < at_ms - HISTORY_MS:
                self.currents.popleft()
        power = values.get("power_w")
        if isinstance(power, int):
            self.power_w = power
        self._believe(at_ms, currents)

    def _believe(self, at_ms: int, currents: Triple | None) -> None:
        if currents is None and self._measures(at_ms):
            return  # one of the slower readings: it says nothing of what flows
        drawn_ma = max(currents) if currents is not None else None
        back = self.values.get("setpoint_ma")
        if self.told_ma is None:
            # What an earlier life of ours has written is still there, and readable.
            if isinstance(back, int):
                self.may_ma = max(0, back, drawn_ma or 0)
            return
        rising = self._rising(at_ms, drawn_ma)
        if self.written_at_ms is not None and at_ms > self.written_at_ms and not rising:
            if drawn_ma is not None:
                seen = drawn_ma <= self.told_ma + SEEN_TOLERANCE_MA
            else:
                seen = at_ms >= self.written_at_ms + UNSEEN_MS
            if seen:
                self.may_ma = self.told_ma
        if drawn_ma is not None:
            self.may_ma = max(self.may_ma, drawn_ma)  # whatever it was told, count what it takes
        if isinstance(back, int):
            self.may_ma = max(self.may_ma, back)  # not there yet, restarted, or told by somebody else

    def _measures(self, at_ms: int) -> bool:
        """Say whether it has measured its currents lately."""
        return bool(self.currents) and at_ms - self.currents[-1][0] <= HISTORY_MS

    def _rising(self, at_ms: int, drawn_ma: int | None) -> bool:
        """Say whether the last raise may still be on its way: then a low current proves nothing.

        It takes as long as a decrease; a vehicle that was told more, and less a moment later, follows both.
        """
        if self.raised_at_ms is None:
            return False
        if at_ms >= self.raised_at_ms + UNSEEN_MS or (drawn_ma or 0) * 10 >= self.raised_ma * 9:
            self.raised_at_ms = None
            return False
        return True

    def _ours_ma(self, at_ms: int) -> int:
        """Return what it may take by our word: the highest it was told while it may still follow.

        What it takes beyond that is no charging of ours, whether it does not obey or its meter is wrong.
        """
        while self.told_before and self.told_before[0][0] < at_ms:
            self.told_before.popleft()
        told_ma = self.max_ma if self.told_ma is None else self.told_ma
        return max([told_ma, *(before_ma for _, before_ma in self.told_before)]) + SEEN_TOLERANCE_MA

    def tell(self, current_ma: int, now_ms: int) -> None:
        """Note a setpoint that is going out now."""
        if current_ma != self.told_ma:
            before_ma = self.max_ma if self.told_ma is None else self.told_ma
            latest = self.currents[-1] if self.currents else None
            if current_ma < before_ma and (latest is None or latest[1] == latest[2]):
                self.told_before.append((now_ms + FOLLOW_MS, before_ma))  # one that obeys, that is
            if current_ma > (self.may_ma if self.told_ma is None else self.told_ma):
                self.raised_at_ms, self.raised_ma = now_ms, current_ma
            self.told_ma = current_ma
            self.written_at_ms = None
            self.changed_at_ms = now_ms
            self.may_ma = max(self.may_ma, current_ma)

    def give(self, current_ma: int) -> None:
        """Note what it is told to give back now; 0 for nothing."""
        self.give_ma = current_ma
        self.may_give_ma = max(self.may_give_ma, current_ma)

    def written(self, current_ma: int, at_ms: int) -> None:
        """Note that the device has accepted a setpoint; an older one than the newest says nothing."""
        if current_ma == self.told_ma and self.written_at_ms is None:
            self.written_at_ms = at_ms

    def silent(self, now_ms: int, silent_ms: int) -> bool:
        """Say whether the charger is unknown: never read, lost, or too old."""
        return not self.online or self.at_ms is None or now_ms - self.at_ms > silent_ms

    def worst_ma(self, now_ms: int, policy: Policy, valid_for_ms: int) -> int:
        """Return what it may draw per phase now (rule 1).

        valid_for_ms: how long the device holds a setpoint by itself; 0 if nobody knows.
        """
        if not self.silent(now_ms, policy.charger_silent_ms):
            return self.may_ma
        if valid_for_ms and self.at_ms is not None and now_ms - self.at_ms > valid_for_ms + FOLLOW_MS:
            self.may_ma = self._falls_to_ma()
        return max(self.may_ma, self._falls_to_ma())

    def _falls_to_ma(self) -> int:
        """Return what it falls back to: as the installer says, or more where the device itself says so."""
        shown = self.values.get("fallback_ma")
        return max(self.fallback_ma, shown) if isinstance(shown, int) else self.fallback_ma

    def around(self, at_ms: int, bracket_ms: int) -> tuple[Triple, Triple, Triple]:
        """Return what flowed by our word about a moment, per phase: nearest to it, the least and the most.

        bracket_ms: how far before the moment the bracket opens; the reading before that belongs to it.
        Zero where nobody has measured since the bracket opened: a charger that has fallen silent may have
        let go of what it drew.  What it may be giving back it may give still, and stop any moment: it counts.
        """
        if not self.currents or self.currents[-1][0] < at_ms - bracket_ms:
            given = [-self.may_give_ma if p in self.phases else 0 for p in PHASES]
            worst: Triple = (given[0], given[1], given[2])
            return worst, worst, worst
        nearest_ms, _, nearest = self.currents[-1]
        lowest = highest = nearest
        for read_ms, _, now in reversed(self.currents):
            if abs(read_ms - at_ms) < abs(nearest_ms - at_ms):
                nearest_ms, nearest = read_ms, now
            lowest = (min(lowest[0], now[0]), min(lowest[1], now[1]), min(lowest[2], now[2]))
            highest = (max(highest[0], now[0]), max(highest[1], now[1]), max(highest[2], now[2]))
            if read_ms <= at_ms - bracket_ms:
                break
        return nearest, lowest, highest

    @property
    def latest_ma(self) -> Triple | None:
        """The newest currents as measured, on the site's phases."""
        return self.currents[-1][1] if self.currents else None


class State:
    """Everything that the core knows of the depot's devices."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._meters = {m.id: m for m in site.meters}
        self._chargers = {c.id: c for c in site.chargers}
        self.meters = {m.id: MeterKnown() for m in site.meters}
        self.chargers = {c.id: ChargerKnown(c.max_ma, c.fallback_ma) for c in site.chargers}

    def read(self, device: str, at_ms: int, values: dict[str, int | str]) -> None:
        """Take in a reading of a meter or a charger; a device that the site does not have is ignored."""
        if device in self.meters:
            self.meters[device].read(self._meters[device], at_ms, values)
        elif device in self.chargers:
            self.chargers[device].read(self._chargers[device], at_ms, values, self.site.voltage_v)

    def identified(self, device: str, identity: dict[str, int | str]) -> None:
        """Note that a device was recognised; only then is it asked and told anything (I9)."""
        if device in self.chargers:
            known = self.chargers[device]
            known.online = True
            known.lost_why = ""
            known.values.update(identity)
            known.written_at_ms = None  # it may have restarted: nothing it was told is sure any more

    def lost(self, device: str, why: str) -> None:
        """Note that a device does not answer; its last values stay, with their age."""
        if device in self.chargers:
            self.chargers[device].online = False
            self.chargers[device].lost_why = why

    def written(self, charger: str, current_ma: int, at_ms: int) -> None:
        """Note that a charger has accepted a setpoint."""
        if charger in self.chargers:
            self.chargers[charger].written(max(0, current_ma), at_ms)  # what it gives back is no draw

    def valid_for_ms(self, charger: Charger) -> int:
        """Return how long a charger holds a setpoint without us: as set by the installer, else as read."""
        if charger.valid_for_ms:
            return charger.valid_for_ms
        read = self.chargers[charger.id].values.get("supervision_time_ms")
        return read if isinstance(read, int) else 0
