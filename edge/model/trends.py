"""What trends and indicators are made of: how devices are, whether vehicles were ready, peaks of months."""

from edge.model.records import Kept


class Departure(Kept, frozen=True):
    """A vehicle's time has come: whether it had what its charge window promised.

    short_wh: what was missing when it was last seen, at_wall_ms; 0 is ready.
    """

    charger: str
    ready_by_wall_ms: int
    vehicle: str
    short_wh: int
    at_wall_ms: int


class DeviceHealth(Kept, frozen=True):
    """How a device was in up to six hours: what trends are made of.

    kind: "charger" or "meter".  requests, timeouts, errors: of its line.  derated_ms: while charging, it
    applied less than it was told.  closings: of the contactor.  reached_pm: the highest current in
    thousandths of a setpoint that had held for 30 s, None if there was none.  energy_wh: what its counter
    grew by.  below_wh: of a meter over chargers alone, what they counted in the same time.
    """

    device: str
    start_wall_ms: int
    duration_ms: int
    kind: str
    node: str = ""
    requests: int = 0
    timeouts: int = 0
    errors: int = 0
    temperature_max_mc: int | None = None
    charging_ms: int = 0
    derated_ms: int = 0
    closings: int = 0
    reached_pm: int | None = None
    energy_wh: int | None = None
    below_wh: int | None = None


class MonthPeak(Kept, frozen=True):
    """The demand that a month's charging needed at best, in hindsight: what later months aim by.

    month, priced_as: "YYYY-MM": as it would have been under the prices of the other month.
    """

    month: str
    priced_as: str
    peak_w: int
