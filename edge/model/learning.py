"""What is learned of bays, as people see it."""

import msgspec


class LearnedNow(msgspec.Struct, frozen=True):
    """What is usual at a bay at a time of day, and how far the last predictions of its stays were off.

    day_off: of days off, else of workdays.  came: on so many of `days` such days.  stays: that it is taken
    from; kept: by how many of them it would have held.  arrives_min: the median, minutes after midnight;
    leaves_min: left then or later, after the midnight before it came.  need_wh: took so much or less.
    used: a vehicle without a window is promised it.  measured: stays that were predicted; the errors are
    means of them, None where none was; left_early, took_more: of them.  taper_ms: how much longer the last
    part of a charge takes there.
    """

    charger: str
    day_off: bool
    came: int
    days: int
    stays: int
    kept: int
    arrives_min: int
    leaves_min: int
    need_wh: int
    used: bool
    measured: int = 0
    arrival_error_min: int | None = None
    leaves_error_min: int | None = None
    need_error_wh: int | None = None
    left_early: int = 0
    took_more: int = 0
    taper_ms: int = 0
