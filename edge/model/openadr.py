"""OpenADR 3.1 events as this product keeps them: times as integers, nothing else interpreted.

edge/shell/openadr.py reads JSON into these (tolerantly) and writes reports (strictly);
edge/core/timeline.py says which interval holds at which time.

Source: OpenADR 3.1.1 openadr3.yaml and User Guide §7, §8.
"""

from typing import Final, Literal

import msgspec

# intervalPeriod.start 0001-01-01: at an event "now", in a later interval "after the previous one".
NOW: Final = "now"

# "P9999Y": for ever.
FOREVER = None

Value = int | float | str | bool | tuple[float, float]


class IntervalPeriod(msgspec.Struct, frozen=True):
    """start: UTC ms, NOW, or None where it is inherited.  durations in ms; None is for ever.

    duration_ms: may be negative as ISO 8601 allows; what has no positive length holds never.
    inherits_duration: the interval's period gave no duration, so the event's holds.
    randomize_start_ms: the extent to either side; 0 where it is not given.
    """

    start: int | Literal["now"] | None = None
    duration_ms: int | None = 0
    randomize_start_ms: int = 0
    inherits_duration: bool = False


class Payload(msgspec.Struct, frozen=True):
    """One valuesMap: the payload type and its values (several split the interval evenly)."""

    type: str
    values: tuple[Value, ...]


class Interval(msgspec.Struct, frozen=True):
    """period: None where the event's own holds."""

    id: int
    payloads: tuple[Payload, ...]
    period: IntervalPeriod | None = None


class PayloadDescriptor(msgspec.Struct, frozen=True):
    """Units and currency of a payload type: KW, KWH, ISO 4217."""

    payload_type: str
    units: str = ""
    currency: str = ""


class ReportDescriptor(msgspec.Struct, frozen=True):
    """What the utility wants to be told.  frequency, numbers of intervals: as in the schema.

    report_intervals: INTERVALS, SUB_INTERVALS or OPEN_INTERVALS.
    """

    payload_type: str
    reading_type: str = "DIRECT_READ"
    units: str = ""
    targets: tuple[str, ...] = ()
    aggregate: bool = False
    start_interval: int = -1
    num_intervals: int = -1
    historical: bool = True
    frequency: int = -1
    repeat: int = 1
    report_intervals: str = "INTERVALS"


class OpenAdrEvent(msgspec.Struct, frozen=True):
    """An event of a utility.  priority: lower is more important; None is least.

    duration_ms: the event's own; None for ever; 0 where it is not given.
    received_wall_ms: when we first saw this version of it: "now" means then.
    random_ms: the one draw of randomizeStart, kept over restarts: uniform within plus and minus the
        largest randomizeStart in the event; a period with a smaller one shifts in proportion.
    reference_w: what was taken when its first relative setpoint began, kept over restarts; None before.
    """

    id: str
    program_id: str
    name: str = ""
    priority: int | None = None
    targets: tuple[str, ...] = ()
    created_wall_ms: int = 0
    modified_wall_ms: int = 0
    duration_ms: int | None = 0
    period: IntervalPeriod | None = None
    intervals: tuple[Interval, ...] = ()
    payload_descriptors: tuple[PayloadDescriptor, ...] = ()
    report_descriptors: tuple[ReportDescriptor, ...] = ()
    received_wall_ms: int = 0
    random_ms: int = 0
    reference_w: int | None = None
