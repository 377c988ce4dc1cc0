"""The words of commissioning: what a test asks for, what was measured, what was found.

A test (core/commission_tests.py) asks for a Hold: setpoints for a while, devices that are not spoken to.
It gets a Trace: everything that the devices said meanwhile.  It ends in a Result: findings, figures and
curves.

Signs and units as everywhere: positive is into the vehicle; mA, W, ms.  at_ms is monotonic.
"""

from typing import Literal

import msgspec

Kind = Literal["fault", "open", "note"]
StepName = Literal["find", "meters", "where", "obeys", "fallback", "holds"]
STEPS: tuple[StepName, ...] = ("find", "meters", "where", "obeys", "fallback", "holds")


class Sample(msgspec.Struct, frozen=True):
    """What a device said at a time."""

    at_ms: int
    device: str
    values: dict[str, int | str]


class Told(msgspec.Struct, frozen=True):
    """A setpoint that a charger has accepted."""

    at_ms: int
    charger: str
    current_ma: int


class Hold(msgspec.Struct, frozen=True):
    """What is to be done for a while.

    wish_ma: setpoints that the test wants; every charger that is not named is paused (or kept at its minimum
        where it must not see 0 A).  What is really told never exceeds what the limits leave.
    silent: devices that are not spoken to at all.
    reserve_ma: what these chargers may draw at worst meanwhile; where that does not fit, nothing is done.
    core: the depot's own core decides, as in daily life; wish_ma does not count.
    event_w: with core, an event of the utility begins with the hold, and limits the site's import so long.
    why: for people, while it lasts.
    """

    for_ms: int
    why: str
    wish_ma: dict[str, int] = {}
    silent: tuple[str, ...] = ()
    reserve_ma: dict[str, int] = {}
    core: bool = False
    event_w: int | None = None


class Trace(msgspec.Struct, frozen=True):
    """What happened during a Hold.

    samples: in the order of their times.  told: in the order of acceptance.  lost: device and why.
    refused: why nothing was done, "" where it was.
    """

    from_ms: int
    to_ms: int
    samples: list[Sample] = []
    told: list[Told] = []
    lost: list[tuple[str, str]] = []
    violations: list[str] = []
    refused: str = ""


class Supervises(msgspec.Struct, frozen=True):
    """How a charger watches us.

    kind: of drivers/table.py, "none" where it does not.  time_ms: of silence until it falls back, 0 unknown.
    heard: what counts as hearing us: any question, or only what is written to it.
    """

    kind: str = "none"
    time_ms: int = 0
    heard: Literal["questions", "writes"] = "writes"


class Address(msgspec.Struct, frozen=True):
    """What was found where the site file has a device, in a number of reads.

    where: line or host, for people.  identities: everything that it said of itself, one entry a different
    answer.
    errors: answers that were none of ours: garbled, of the wrong length, late.  silences: no answer in time.
    why: why it was not recognised, "" where it was.  answer_ms: of its reads, in the middle and the longest.
    """

    device: str
    where: str
    unit: int
    driver: str
    why: str = ""
    identities: list[dict[str, int | str]] = []
    reads: int = 0
    errors: int = 0
    silences: int = 0
    answer_ms: tuple[int, int] = (0, 0)


class Stranger(msgspec.Struct, frozen=True):
    """A device that answers and is not in the site file.  looks_like: families that know it."""

    where: str
    unit: int
    looks_like: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True):
    """What is on the lines and hosts of a site."""

    addresses: list[Address]
    strangers: list[Stranger] = []


class Finding(msgspec.Struct, frozen=True):
    """Something to know about a device or node.

    kind: "fault", to be mended; "open", could not be shown; "note".  code: a short name that stays the
    same from year to year.  says: in words, with what to do.
    """

    step: StepName
    device: str
    kind: Kind
    code: str
    says: str


class Figure(msgspec.Struct, frozen=True):
    """A measured value.  bound: what it is held against, in words.  good: None where nothing is asked of
    it."""

    step: StepName
    device: str
    name: str
    value: int
    unit: str
    bound: str = ""
    good: bool | None = None


class Curve(msgspec.Struct, frozen=True):
    """A value over time.  points: (ms since the curve began, value in mA)."""

    step: StepName
    device: str
    title: str
    lines: dict[str, list[tuple[int, int]]]


class Follow(msgspec.Struct, frozen=True):
    """How a meter's phase follows a charger's current when that is moved.

    phase: site phase index, as drawn at the meter.  pm: mA of the meter for 1000 mA of the charger.
    power_pm: the same of W, against the charger's W; None where the meter does not tell them by phase.
    share_pm: how many of the edges agree on it; second_pm: on the value that has most after it.
    edges: how many there were.  faint_pm: where it hardly follows, but always by the same; else 0.
    """

    charger: str
    meter: str
    phase: int
    pm: int
    power_pm: int | None
    share_pm: int
    edges: int
    second_pm: int = 0
    faint_pm: int = 0


class Result(msgspec.Struct, frozen=True):
    """What one test of one device or of the whole site has given.

    about: device id, or "" for the site.  falls_to_ma: what chargers were measured to fall back to.
    conductors: of a charger that was moved, which of its own phases carried current; 0 is its L1.
    """

    step: StepName
    about: str
    wall_ms: int = 0
    findings: list[Finding] = []
    figures: list[Figure] = []
    curves: list[Curve] = []
    follows: list[Follow] = []
    conductors: tuple[int, ...] = ()
    falls_to_ma: dict[str, int] = {}


class Device(msgspec.Struct, frozen=True):
    """A device as the report lists it.  settings: as the site file has them, in words."""

    id: str
    kind: Literal["meter", "charger", "board"]
    driver: str
    where: str
    identity: dict[str, int | str] = {}
    settings: dict[str, str] = {}


class Protocol(msgspec.Struct, frozen=True):
    """One commissioning of a depot: what is written down, and what the report is made of.

    site_hash: SHA-256 of the site file's bytes.  who: who signs.  asked: the steps that it is to have.
    done: (step, about) of the tests that are over, as results; those that are missing are still to be done.
    """

    id: str
    site_id: str
    site_name: str
    site_hash: str
    who: str
    started_wall_ms: int
    release: str
    asked: tuple[StepName, ...] = STEPS
    ended_wall_ms: int | None = None
    devices: list[Device] = []
    results: list[Result] = []

    @property
    def findings(self) -> list[Finding]:
        """Everything that was found, faults first."""
        order = {"fault": 0, "open": 1, "note": 2}
        found = [finding for result in self.results for finding in result.findings]
        return sorted(found, key=lambda f: (order[f.kind], STEPS.index(f.step)))
