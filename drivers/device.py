"""One device: what to read, what it said, what to write.  No port, no clock, no retries.

The bus master (edge/shell) sends the reads and writes and hands back the replies.  In this order:

    identify() -> reads                    again with the replies until it returns none
    recognise(replies)                     or NotRecognised: then nothing may be written (I9)
    arm(...) -> writes                     once after every recognition and reconnect
    polls() -> Poll …  decode(replies)     for ever
    set_current(ma) -> writes              whenever the core says so
    keep_alive(ma) -> writes or reads      at least every supervision().every_ms

Rule 1: nothing is written before recognise() has returned.
Rule 2: every write is on the table's allow-list, see drivers/writing.py.
Rule 3: the only state is what recognise() and refuse() have learned; forget() drops it.
"""

from collections.abc import Mapping
from fractions import Fraction

from drivers import plan, quirks, reading, writing
from drivers.condition import Value
from drivers.reading import Located, Placed
from drivers.registers import Order
from drivers.table import Point, Step, Table
from drivers.terms import EXCEPTIONS, NotRecognised, Pacing, Poll, Supervision
from drivers.wire import Read, Replies, Write
from drivers.writing import Asked, NotAllowed, Placing
from edge.model.quantities import BY_KEY

__all__ = ["Device", "NotAllowed", "NotRecognised", "Pacing", "Poll", "Supervision"]


# A watchdog whose time nobody knows is fed this often.
UNKNOWN_TIME_EVERY_MS = 2_000


# Modbus exceptions that say "I do not have that": illegal function, address, value.
ILLEGAL = (1, 2, 3)

# Different sets of reads whose rows are kept found; a device has two polls and some single looks.
KEPT_POLLS = 16


class Device:
    """A device of a family, at a unit, behind one of its connectors.

    at_unit: the Modbus unit, of connector 1 or of its own: where connectors have units of their own, any
    but the factory's is taken as it is (an Alfen's socket 2 is at unit 1 connector 2, or at unit 2).
    voltage_v: nominal, line to neutral.
    phases: conductors that it is wired to.
    """

    def __init__(
        self, table: Table, at_unit: int, *, connector: int = 1, voltage_v: int = 230, phases: int = 3
    ) -> None:
        if not 1 <= connector <= table.connectors.max:
            raise ValueError(f"{table.name} has connectors 1..{table.connectors.max}, not {connector}")
        self.table = table
        self.connector = connector
        steps = connector - 1
        factory = at_unit in {transport.unit for transport in table.transports}
        unit = at_unit + steps * table.connectors.unit_step if factory else at_unit
        self._at = Placing(unit, steps * table.connectors.stride)
        self._voltage_v, self._phases = voltage_v, phases
        self.port_offset = steps * table.connectors.port_step
        self.forget()

    def forget(self) -> None:
        """Drop what was learned: the device must be recognised again before it is written."""
        self._known: dict[str, Value] = {}
        self._bases: dict[int, int] = {}
        self._absent: set[str] = set()  # rows that the device refuses
        self._alone: set[str] = set()  # rows whose block the device refuses
        self._changed()
        self.recognised = False

    def _changed(self) -> None:
        """Drop what follows from what was learned."""
        self._rows: list[Placed] | None = None
        self._polls: list[Poll] | None = None
        self._located: dict[tuple[Read, ...], list[Located]] = {}

    @property
    def unit(self) -> int:
        """The Modbus unit of this connector."""
        return self._at.unit

    # Recognise -------------------------------------------------------------------------------

    def identify(self, replies: Replies | None = None) -> list[Read]:
        """Return what to read in order to recognise the device.

        replies: to the reads so far; call again with them until nothing more is asked for (devices
        whose first answer says where the rest is).
        """
        replies = replies or {}
        if self.table.sequence:
            more = self._walk(replies)
            if more:
                return [r for r in more if r not in replies]
        planned = self._reads([p for p in self._placed() if p.point.group.every == "once"])
        return [r for r in planned if r not in replies]

    def recognise(self, replies: Replies) -> dict[str, Value]:
        """Check the identity and keep what it tells; return its quantities.  Raises NotRecognised."""
        self.recognised, self._known = False, {}
        self._changed()
        if self.table.sequence:
            self._walk(replies)
        found = self._read(replies)
        for condition in self.table.expect:
            if condition.holds(found.values, found.refused) is not True:
                raise NotRecognised(self.table.name, condition.text, _told(condition.names, found))
        if self.table.sequence and not self._bases:
            raise NotRecognised(self.table.name, self.table.sequence, "none of its blocks")
        count = found.values.get("connectors", self.connector)
        if self.table.connectors.count and isinstance(count, int) and count < self.connector:
            raise NotRecognised(self.table.name, f"connector {self.connector}", f"{count} connectors")
        self._absent = {at.placed.point.row for at in self._locate(replies) if at.is_refused(replies)}
        cyclic = self.table.cyclic
        self._known = {k: v for k, v in found.values.items() if k not in cyclic}
        self._changed()
        self.recognised = True
        return _public(found.values)

    def _walk(self, replies: Replies) -> list[Read]:
        more, bases = quirks.SEQUENCES[self.table.sequence](self._at.unit, replies)
        if bases != self._bases:
            self._bases = bases
            self._changed()
        return more

    # Read ------------------------------------------------------------------------------------

    def polls(self) -> list[Poll]:
        """Return the cyclic reads, fast ones first.  They may change by recognise() and refuse()."""
        if self._polls is None:
            self._polls = self._plan()
        return self._polls

    def _plan(self) -> list[Poll]:
        limits, placed = self.table.limits, self._placed()
        fast = tuple(self._reads([p for p in placed if p.point.group.every == "fast"]))
        slow = tuple(self._reads([p for p in placed if p.point.group.every == "slow"]))
        # A device that bears one read in so many ms needs longer periods; the slow reads take at most
        # half of its time, the fast ones the rest.
        slow_ms = max(limits.slow_ms, 2 * len(slow) * limits.read_every_ms)
        left = slow_ms - len(slow) * limits.read_every_ms
        fast_ms = max(limits.fast_ms, -(-len(fast) * limits.read_every_ms * slow_ms // left))
        found = [Poll("fast", fast, fast_ms)] if fast else []
        return found + ([Poll("slow", slow, slow_ms)] if slow else [])

    def decode(self, replies: Replies) -> dict[str, Value]:
        """Return the quantities that some replies give, by key.  What is not there has no key."""
        return _public(self._read(replies).values)

    def raw(self, replies: Replies) -> dict[str, Value]:
        """Return what decode() does, with the table's private points."""
        return self._read(replies).values

    def _read(self, replies: Replies) -> reading.Values:
        return reading.read(self._locate(replies), self.table.derived, self._known, replies)

    def _locate(self, replies: Replies) -> list[Located]:
        """Find the rows of some replies.  The same polls come every second: kept by their reads."""
        asked = tuple(replies)
        if asked not in self._located:
            if len(self._located) >= KEPT_POLLS:
                self._located.clear()
            self._located[asked] = reading.locate(self._placed(), asked)
        return self._located[asked]

    def refuse(self, read: Read, exception: int | None = None) -> bool:
        """Learn that the device refused a read with an exception, or hung up on it (None).

        Its rows are then read one by one; an optional row that is refused alone is read no more.
        Returns whether the polls have changed.
        """
        if exception is not None and exception not in ILLEGAL:
            return False  # busy or failed now: no word on what it has
        rows = [p for p in self._placed() if p.within(read)]
        if len({p.read() for p in rows}) > 1:
            fresh = {p.point.row for p in rows} - self._alone
            self._alone |= fresh
        else:
            fresh = {p.point.row for p in rows if p.point.group.optional} - self._absent
            self._absent |= fresh
        self._changed()
        return bool(fresh)

    def _placed(self) -> list[Placed]:
        """Return the rows that this device has, and where."""
        if self._rows is None:
            self._rows = self._place()
        return self._rows

    def _place(self) -> list[Placed]:
        found = []
        for point in self.table.points:
            group = point.group
            if group.when and self._known and group.when.holds(self._known) is not True:
                continue
            if group.when and not self._known and group.every != "once":
                continue
            base = self._base(point)
            if base is not None:
                unit = self._at.unit if group.unit is None else group.unit
                found.append(Placed(point, unit, base + point.address, self._order(point)))
        return found

    def _order(self, point: Point) -> Order:
        """Return the word order, which the identity may decide (engineering samples)."""
        for condition, order in self.table.words_if:
            if self._known and condition.holds(self._known):
                return order
        return point.order

    def _base(self, point: Point) -> int | None:
        group = point.group
        if group.models:
            return next((self._bases[m] for m in group.models if m in self._bases), None)
        return 0 if group.station else self._at.offset

    def _reads(self, placed: list[Placed]) -> list[Read]:
        return plan.reads(
            (
                plan.Span(
                    p.unit, p.point.group.space, p.address, p.point.type.count,
                    p.point.group.single or p.point.row in self._alone, p.point.group.optional,
                )
                for p in placed
                if p.point.row not in self._absent
            ),
            self.table.limits,
        )  # fmt: skip

    # Write -----------------------------------------------------------------------------------

    def arm(self, fallback_ma: int | None = None, supervision_ms: int = 0) -> list[Write]:
        """Return what to write once after recognition and reconnect: watchdog, fallback, no standby.

        fallback_ma: 0 stops charging; None and a time of 0 leave the device its own.  The time is fitted
        into what the device accepts; a fallback that it does not accept becomes the next lower one.
        Raises NotAllowed if there is none, see Table.takes_fallback().
        """
        return self._writes(
            _given(self.table.arm, fallback_ma, supervision_ms), fallback_ma or 0, supervision_ms
        )

    def commission(self, fallback_ma: int | None = None, supervision_ms: int = 0) -> list[Write]:
        """Return what an electrician writes once: settings in memory that wears out."""
        steps = _given(self.table.commission, fallback_ma, supervision_ms)
        return self._writes(steps, fallback_ma or 0, supervision_ms)

    def armed(
        self, seen: Mapping[str, Value], fallback_ma: int | None = None, supervision_ms: int = 0
    ) -> bool | None:
        """Say whether readings show what arm() writes; None where they do not tell.

        False: the device has restarted or somebody else has written; arm() again.
        """
        told: bool | None = None
        for write in self.arm(fallback_ma, supervision_ms):
            setting = writing.find(self.table, write, self._at)
            shown = seen.get(setting.read_back) if setting and setting.read_back else None
            if setting is None or shown is None:
                continue
            if shown != writing.worth(setting, write.words, self._known):
                return False
            told = True
        return told

    def set_current(self, current_ma: int, seen: Mapping[str, Value] | None = None) -> list[Write]:
        """Return the writes for a setpoint: 0 pauses, anything else is rounded down to a lawful one.

        Below the device's minimum it pauses (I2); above its maximum it gets the maximum.  Below 0 it
        discharges so much, by the same rules for the magnitude.
        seen: the latest readings, to leave out what the device already does.
        Raises NotAllowed if the device was not recognised or cannot be controlled, ValueError for a discharge
        where it cannot.
        """
        control = self.table.control
        if current_ma < 0 and not (control and control.discharge):
            raise ValueError(f"a setpoint of {current_ma} mA")
        if control is None:
            raise NotAllowed(f"{self.table.name} is a {self.table.kind}: it has no setpoint")
        lawful = self.lawful(current_ma)
        steps = control.pause if not lawful else control.set if lawful > 0 else control.discharge
        if lawful and not (control.resume_unless and control.resume_unless.holds(seen or {})):
            steps += control.resume
        return self._writes(steps, current_ma=lawful, seen=seen or {})

    def lawful(self, current_ma: int) -> int:
        """Return the setpoint that the device will get for a current: never more than it, either way (I8)."""
        control = self.table.control
        if control is None:
            return 0
        if current_ma < 0:
            stepped = min(-current_ma, control.discharge_max_ma) // control.step_ma * control.step_ma
            return -stepped if control.discharge and stepped >= control.discharge_min_ma else 0
        stepped = min(current_ma, control.max_ma) // control.step_ma * control.step_ma
        return stepped if stepped >= control.min_ma else 0

    def pauses_elsewhere(self) -> bool:
        """Say whether a pause leaves the register alone that reads back as the setpoint."""
        control = self.table.control
        if control is None:
            return False
        set_, paused = (
            {self.table.settings[step.setting].read_back for step in steps}
            for steps in (control.set, control.pause)
        )
        return "setpoint_ma" in set_ and "setpoint_ma" not in paused

    def write_setting(self, name: str, value: Fraction) -> list[Write]:
        """Return the write of one row of the allow-list, for the bench.

        value: in the unit of the maker's manual.  Raises NotAllowed, KeyError.
        """
        return self._writes((Step(self.table.settings[name].name, value),))

    def set_phases(self, phases: int) -> list[Write]:
        """Return the writes that switch to one or three phases, none where it cannot."""
        control = self.table.control
        if control is None:
            return []
        return self._writes(control.phases_1 if phases == 1 else control.phases_3)

    def keep_alive(self, last_current_ma: int, seen: Mapping[str, Value] | None = None) -> list[Write | Read]:
        """Return what feeds the device's watchdog, none where it has none.

        last_current_ma: the setpoint in force, which some devices want to be told again.
        """
        supervision = self.table.supervision
        if supervision.kind == "none":
            return []
        if supervision.keep:
            return list(self._writes(supervision.keep, current_ma=self.lawful(last_current_ma)))
        if supervision.kind in ("any_request", "station_poll"):
            return list(self.polls()[0].reads[:1])
        return list(self.set_current(last_current_ma, seen))

    def beat(self, counter: int, relays: int) -> list[Write]:
        """Return the heartbeat of a board: a counter that has moved on, and the relays to be closed (bits).

        Raises NotAllowed if it was not recognised, or is no board.
        """
        if self.table.kind != "board":
            raise NotAllowed(f"{self.table.name} is a {self.table.kind}: it has no heartbeat")
        beat = (counter & 0xFFFF) << 16 | (relays & 0xFFFF)
        return self._writes(self.table.supervision.keep, beat=beat)

    def supervision(self, supervision_ms: int = 0) -> Supervision:
        """Return how the device watches us.

        supervision_ms: its time where that is known better than by the table: read from the device
        (supervision_time_ms), or set by the installer.
        """
        s = self.table.supervision
        if s.kind == "none":
            return Supervision("none", 0, 0, "none")
        time_ms = supervision_ms or s.time_ms
        every_ms = time_ms // s.share if time_ms else UNKNOWN_TIME_EVERY_MS
        return Supervision(s.kind, min(every_ms, s.every_ms or every_ms), time_ms, s.fallback)

    def fallback_reads(self) -> list[Read]:
        """Return the reads that show fallback current and supervision time, as far as it can."""
        keys = ("fallback_ma", "fallback_power_w", "supervision_time_ms")
        return self._reads([p for p in self._placed() if p.point.key in keys])

    def allowed(self, write: Write, *, commissioning: bool = False) -> bool:
        """Say whether a write is on the allow-list of this recognised device (I9).

        commissioning: whether memory that wears out may be written.
        """
        setting = writing.find(self.table, write, self._at)
        if setting is None or not self.recognised:
            return False
        if setting.memory == "kept" and not commissioning:
            return False
        if setting.when and not setting.when.holds(self._known):
            return False
        return writing.accepts(setting, write.words, self._known)

    def read_back(self, write: Write) -> list[Read]:
        """Return the reads that show what was written, none where the device has no such register."""
        setting = writing.find(self.table, write, self._at)
        if setting is None or not setting.read_back:
            return []
        return self._reads([p for p in self._placed() if p.point.key == setting.read_back])

    def check_written(self, write: Write, replies: Replies) -> bool | None:
        """Say whether a write is seen to be in force; None where that cannot be told."""
        setting = writing.find(self.table, write, self._at)
        if setting is None or not setting.read_back:
            return None
        shown = self.raw(replies).get(setting.read_back)
        told = writing.worth(setting, write.words, self._known)
        return None if shown is None or told is None else shown == told

    def pacing(self) -> Pacing:
        """Return what the device bears."""
        limits = self.table.limits
        return Pacing(*(getattr(limits, name) for name in Pacing.__struct_fields__))

    def explain(self, exception: int) -> str:
        """Say what a Modbus exception of this device means."""
        return self.table.exceptions.get(exception, EXCEPTIONS.get(exception, f"exception {exception}"))

    def _watts(self, current_ma: int, seen: Mapping[str, Value] | None = None) -> int:
        return writing.watts(self.table.control, current_ma, self._phases, self._voltage_v, seen or {})

    def _writes(
        self,
        steps: tuple[Step, ...],
        fallback_ma: int = 0,
        time_ms: int = 0,
        current_ma: int = 0,
        seen: Mapping[str, Value] | None = None,
        beat: int = 0,
    ) -> list[Write]:
        if not self.recognised:
            raise NotAllowed(f"{self.table.name} was not recognised yet: nothing is written to it (I9)")
        known = {**self._known, **(seen or {})}
        asked = Asked(
            current_ma,
            fallback_ma,
            time_ms,
            watts=self._watts(current_ma, seen),
            fallback_watts=self._watts(fallback_ma),
            beat=beat,
        )
        return writing.writes(self.table, steps, self._at, asked, known)


def _given(steps: tuple[Step, ...], fallback_ma: int | None, time_ms: int) -> tuple[Step, ...]:
    """Leave out the steps whose word has no value."""
    none = {"fallback"} if fallback_ma is None else set()
    none |= set() if time_ms else {"time"}
    return tuple(step for step in steps if step.what not in none)


def _public(values: Mapping[str, Value]) -> dict[str, Value]:
    return {key: value for key, value in values.items() if key in BY_KEY}


def _told(names: set[str], found: reading.Values) -> str:
    """Say in words what was found instead of what was expected."""
    parts = []
    for name in sorted(names):
        value = "refused" if name in found.refused else found.values.get(name, "no answer")
        parts.append(f"{name} {value!r}" if isinstance(value, str) else f"{name} {value}")
    return ", ".join(parts)
