"""The words of a site file for charge windows and vehicles.

What the values do is docs/windows.md and docs/learning.md; what concerns more than one key is sitefleet.py.
"""

from edge.shell.sitebatterywords import GIVING_KEYS
from edge.shell.sitekey import Key, Table
from edge.shell.sitekinds import (
    CLOCK,
    DATES,
    DAYS,
    FLAG,
    KM,
    KWH,
    KWH_PER_KM,
    NAME,
    NAMES,
    TEXT,
    TEXTS,
    hours,
    percent,
    whole,
)

PRIORITY = Key("priority", whole(-100, 100), "lower is served first; 0 if not given")

WINDOW = Table(
    "window",
    "When a vehicle is there and what it needs.",
    (
        Key("id", NAME, "a short name; made from whom it is for if not given"),
        Key("charger", NAME, "the id of the charger; this, or group, or vehicle alone"),
        Key("group", NAME, "instead of charger: a group of chargers, or of vehicles"),
        Key("vehicle", TEXT, "the vehicle's name; without charger and group: the id of the [[vehicle]]"),
        Key("from", CLOCK, "plugged in from this local time", required=True, to="from_min"),
        Key("ready_by", CLOCK, "ready by then; before `from` is the next day", True, "ready_by_min"),
        Key("need_kwh", KWH, "energy that it needs; this, or soc, or km", to="need_wh"),
        Key(
            "arrives_with",
            percent(0, 99),
            "for soc, where the charger does not tell it, in %; 20 if not given",
            to="arrives_pm",
        ),
        Key("km", KM, "the way that it is to have energy for"),
        Key("kwh_per_km", KWH_PER_KM, "its consumption, for km; the vehicle's if not given"),
        Key("arrive_kwh", KWH, "so much of it at once, at any price", to="arrive_wh"),
        Key("days", DAYS, "days of `from`; daily if not given"),
        Key("dates", DATES, "on these days only, in place of days"),
        Key("not_on", DATES, "not on these days"),
        Key("holidays", FLAG, "also on the tariff's holidays; true if not given"),
        PRIORITY,
        Key("must_leave", FLAG, "exempt from the utility's signals, as far as it needs; false if not given"),
        *GIVING_KEYS,
    ),
    many=True,
)

VEHICLE = Table(
    "vehicle",
    "A vehicle that is known wherever it is plugged in, where the charger tells who is there.",
    (
        Key("id", NAME, "a short name, such as van-7", required=True),
        Key("ids", TEXTS, "what chargers read of it: RFID card, EVCCID; or as depot status shows it"),
        Key("name", TEXT, "what people call it; the id if not given"),
        Key("battery_kwh", KWH, "size of its battery", to="battery_wh"),
        Key("kwh_per_km", KWH_PER_KM, "its consumption"),
        Key("km_per_kwh", KM, "or the other way round"),
        Key("groups", NAMES, "groups that it belongs to, for windows"),
        PRIORITY,
    ),
    many=True,
)

DEFAULT_WINDOW = Table(
    "default_window",
    "What a vehicle without a window is promised; what is learned may only make it earlier and more.",
    (
        Key("need_kwh", KWH, "energy that it gets", required=True, to="need_wh"),
        Key("stay_h", hours(1, 168), "so long after it came; this or ready_by, or both", to="stay_ms"),
        Key("ready_by", CLOCK, "by that local time", to="ready_by_min"),
        PRIORITY,
    ),
)

FLEET_TABLES = (WINDOW, VEHICLE, DEFAULT_WINDOW)
