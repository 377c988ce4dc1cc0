"""What a device table says, read and checked: frozen data that drivers/device.py interprets.

drivers/parse.py makes these from TOML and refuses what is wrong; drivers/README.md describes the
format for people.  Addresses here are 0-based wire addresses of connector 1.

    Table
      ├─ transports, limits, connectors      how to reach it, and what it bears
      ├─ points      (each with its Group)   what can be read        -> quantities
      ├─ settings                            what may be written: the allow-list
      ├─ identify, setup                     conditions and steps
      ├─ control, supervision                how current is set, and what feeds the watchdog
      └─ derived                             quantities made of others
"""

from fractions import Fraction
from typing import Literal

import msgspec

from drivers.condition import Condition
from drivers.registers import Order, Type
from drivers.wire import Space

Every = Literal["once", "fast", "slow"]
Kind = Literal["charger", "dc_charger", "meter", "board"]
Confidence = Literal["high", "medium", "low"]

# What the device makes of a setpoint of 0.  "refused" also where it ignores it; "undefined" where no
# source says: it is then never written.
Zero = Literal["pauses", "no_limit", "aborts", "refused", "undefined"]

# The eight kinds of supervision, and none at all.
Supervised = Literal[
    "validity",           # a setpoint holds for a time: write it again before
    "alive_bit",          # write 1, the device clears it and looks again
    "token",              # write a magic number
    "any_request",        # any request counts, a read too
    "any_write",          # only a write refreshes it
    "rewritten_timeout",  # write the timeout register itself again
    "enabled_watchdog",   # a watchdog that has to be switched on first
    "station_poll",       # the station's own poll timeout, set by its maker or installer
    "none",
]  # fmt: skip

# What becomes of the current when the device falls back.
Fallback = Literal["written", "configured", "stops", "none"]


class BadTable(Exception):
    """A device table is wrong: file, row and reason.

    row: "[[read]] 2 row 3: [0x10, …]", or the section's name.
    """

    def __init__(self, file: str, row: str, reason: str) -> None:
        super().__init__(f"{file}: {row}: {reason}" if row else f"{file}: {reason}")
        self.file, self.row, self.reason = file, row, reason


class Transport(msgspec.Struct, frozen=True):
    """A way to reach the device.

    sure: False where no source was found for the serial format or unit; confirm it on the device.
    answer_start: what an ASCII answer begins with.  send_twice: the first request only wakes it.
    """

    type: Literal["tcp", "rtu", "ascii"]
    unit: int = 1
    port: int = 502
    baud: int = 19200
    format: str = "8N1"
    bauds: tuple[int, ...] = ()
    units: tuple[int, ...] = ()
    sure: bool = True
    answer_start: str = ":"
    send_twice: bool = False
    note: str = ""


class Limits(msgspec.Struct, frozen=True):
    """What the device bears.

    read_max: registers a read.  gaps: whether a read may cross registers that no row names.
    hole_max: the widest gap that is cheaper to read than to ask twice.  single: one row a read.
    even: register counts must be even.  gap_ms: silence between two requests.
    read_every_ms, write_every_ms: from one read (write) to the next.  change_every_ms: from one
    change of the setpoint to the next.  timeout_ms: how long an answer may take, 0 for the line's own.
    clients: TCP connections that it accepts, 0 for unknown.  connection_s: after which it hangs up.
    idle_s: silence after which it hangs up.  fast_ms, slow_ms: the polls' periods.
    """

    read_max: int = 125
    gaps: bool = True
    hole_max: int = 8
    single: bool = False
    even: bool = False
    gap_ms: int = 0
    read_every_ms: int = 0
    write_every_ms: int = 0
    change_every_ms: int = 0
    timeout_ms: int = 0
    clients: int = 0
    connection_s: int = 0
    idle_s: int = 0
    fast_ms: int = 1_000
    slow_ms: int = 10_000


class Connectors(msgspec.Struct, frozen=True):
    """How connector n differs from connector 1: n-1 times the stride, unit step and port step.

    unit_step: counts from the factory's unit; a site that gives another unit means that one.
    count: the device says how many it has (quantity "connectors").
    """

    max: int = 1
    stride: int = 0
    unit_step: int = 0
    port_step: int = 0
    count: bool = False


class Group(msgspec.Struct, frozen=True):
    """What the rows of one [[read]] have in common.

    unit: None for the connector's own; a number for the station's.  station: no stride is added.
    optional: the device may refuse it (an absent feature).  when: only on devices that are so.
    models: SunSpec models; addresses are then offsets from the model's id register.
    """

    number: int
    what: str
    space: Space
    every: Every
    unit: int | None = None
    station: bool = False
    optional: bool = False
    single: bool = False
    when: Condition | None = None
    models: tuple[int, ...] = ()


class Point(msgspec.Struct, frozen=True):
    """One row: a value that can be read.

    key: of the reading, "current_l1_ma", or a private "x_…" that only conditions see.
    factor: our integer units per count.  times: keys that multiply it (ratios).  sf: the key of a
    power of ten.  unit_if: another factor where a condition holds.  codes: enumeration.
    """

    row: str
    key: str
    address: int
    type: Type
    factor: Fraction
    group: Group
    order: Order = "big"
    swap: bool = False
    none: tuple[str | int, ...] = ()
    codes: tuple[tuple[tuple[int, int], int | str], ...] = ()
    letters: tuple[tuple[str, int | str], ...] = ()
    otherwise: int | str | None = None
    mask: int = 0
    shift: int = 0
    times: tuple[str, ...] = ()
    sf: str = ""
    unit_if: tuple[tuple[Condition, Fraction], ...] = ()
    when: Condition | None = None
    text: bool = False

    @property
    def private(self) -> bool:
        """Whether it is only for the table's own conditions."""
        return self.key.startswith("x_")


class Setting(msgspec.Struct, frozen=True):
    """One row of the allow-list: a register that may be written.

    dimension: "ma", "w", "ms" or "" for a plain number; factor: of those per count; printed: of those
    in one of the manual's unit (1000 for A).
    accepts: inclusive ranges in the dimension; raw: counts that are accepted besides.
    memory: "volatile", or "kept" in memory that wears out and is written at commissioning only.
    read_back: the key of the reading that shows what was written, "" for none.
    when: only devices that are so have it; elsewhere its steps are left out.
    """

    row: str
    name: str
    address: int
    type: Type
    function: int
    dimension: str
    factor: Fraction
    printed: Fraction
    accepts: tuple[tuple[Fraction, Fraction], ...]
    raw: tuple[int, ...] = ()
    order: Order = "big"
    swap: bool = False
    memory: Literal["volatile", "kept"] = "volatile"
    read_back: str = ""
    unit: int | None = None
    station: bool = False
    unit_if: tuple[tuple[Condition, Fraction], ...] = ()
    when: Condition | None = None


Valued = Literal["current", "discharge", "fallback", "time", "beat"]


class Step(msgspec.Struct, frozen=True):
    """Write one setting.

    what: a number in the manual's unit, or "current", "fallback", "time": what is asked for; "discharge": the
    same without its sign, where a register of its own takes it; "beat": of a board, the counter that moves
    on and the relays that are to be closed.
    raw: the number is a bare count.  only_when: skipped where this is known not to hold.
    """

    setting: str
    what: Valued | Fraction
    raw: bool = False
    only_when: Condition | None = None


class Control(msgspec.Struct, frozen=True):
    """How a current is set.

    step_ma: setpoints are rounded down to it.  resume: written after the setpoint, to charge again;
    left out where resume_unless is known to hold.  phases_1, phases_3: how phases are switched.
    phases: of a setpoint in watts; unseen_phases: while the vehicle's are not seen.
    discharge: instead of `set` for a setpoint below 0, empty where it cannot; its magnitude is lawful from
    discharge_min_ma to discharge_max_ma.
    """

    min_ma: int
    max_ma: int
    step_ma: int
    zero: Zero
    set: tuple[Step, ...]
    pause: tuple[Step, ...]
    resume: tuple[Step, ...] = ()
    resume_unless: Condition | None = None
    phases_1: tuple[Step, ...] = ()
    phases_3: tuple[Step, ...] = ()
    phases: Literal["seen", "fixed"] = "fixed"
    unseen_phases: int = 3
    discharge: tuple[Step, ...] = ()
    discharge_min_ma: int = 0
    discharge_max_ma: int = 0


class Supervision(msgspec.Struct, frozen=True):
    """What the device watches, and how it is fed.

    time_ms: its time as long as no reading of supervision_time_ms says better; 0 for unknown.
    share: it is fed this often in its time, at least twice.  every_ms: at the latest after this.
    keep: what is written to feed it; empty where the setpoint itself or any request does.
    fallback: "written" by us, "configured" by the installer, it "stops", or it has "none".
    """

    kind: Supervised
    time_ms: int = 0
    share: int = 2
    every_ms: int = 0
    keep: tuple[Step, ...] = ()
    fallback: Fallback = "none"
    note: str = ""


class Derived(msgspec.Struct, frozen=True):
    """A quantity made of others: by rules, as a sum, or as joined text.

    rules: the first that holds gives the value; otherwise: where all are known not to hold.
    sum: keys that are added.  volts_amps: keys of mV and mA, multiplied in pairs, to W.
    join: keys of text or numbers, with a dot between.
    """

    key: str
    rules: tuple[tuple[Condition, int | str], ...] = ()
    otherwise: int | str | None = None
    sum: tuple[str, ...] = ()
    volts_amps: tuple[tuple[str, str], ...] = ()
    join: tuple[str, ...] = ()

    @property
    def inputs(self) -> set[str]:
        """The keys that it is made of."""
        names = {*self.sum, *self.join, *(name for pair in self.volts_amps for name in pair)}
        return names.union(*(c.names for c, _ in self.rules))


class Caveat(msgspec.Struct, frozen=True):
    """A known problem or a doubt, and where it was seen."""

    text: str
    seen: str = ""


class Table(msgspec.Struct, frozen=True):
    """A device family.

    name: of the file.  fields: which quantities it can give, by key.
    words_if: another word order where a condition on the identity holds.
    sequence: the function of drivers/quirks.py that finds its registers, "" for none.
    """

    name: str
    kind: Kind
    vendor: str
    model: str
    confidence: Confidence
    source: tuple[str, ...]
    transports: tuple[Transport, ...]
    points: tuple[Point, ...]
    settings: dict[str, Setting]
    words_if: tuple[tuple[Condition, Order], ...] = ()
    firmware: str = ""
    setup_note: str = ""
    expect: tuple[Condition, ...] = ()
    sequence: str = ""
    limits: Limits = Limits()
    connectors: Connectors = Connectors()
    control: Control | None = None
    supervision: Supervision = Supervision("none")
    arm: tuple[Step, ...] = ()
    commission: tuple[Step, ...] = ()
    derived: tuple[Derived, ...] = ()
    exceptions: dict[int, str] = {}
    caveats: tuple[Caveat, ...] = ()

    def takes_fallback(self, fallback_ma: int) -> bool:
        """Say whether it can be told a fallback current that is not above this one.

        True as well where it cannot be told any: then the installer sets it in the device.
        """
        told = [self.settings[s.setting] for s in (*self.arm, *self.commission) if s.what == "fallback"]
        return all(any(low <= fallback_ma for low, _ in one.accepts) for one in told)

    @property
    def cyclic(self) -> set[str]:
        """The keys that polls give, by rows or by what is derived from them: never old knowledge."""
        found = {p.key for p in self.points if p.group.every != "once"}
        for d in self.derived:
            if d.inputs & found:
                found.add(d.key)
        return found

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the readings that it can give, in the order of the table."""
        found = [p.key for p in self.points if not p.private] + [d.key for d in self.derived]
        return tuple(dict.fromkeys(found))
