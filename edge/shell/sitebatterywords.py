"""The words of a site file for vehicles that give back; what must hold of them is sitebatteries.py."""

from edge.shell.sitekey import Key
from edge.shell.sitekinds import AMPS, FLAG, KW, KWH, MONEY, percent

EXPORT = Key(
    "export_kw", KW, "what vehicles may feed into the grid, all together; 0 if not given", to="export_w"
)
DISCHARGE = Key(
    "discharge_a",
    AMPS,
    "what may be taken out of its vehicle at most; nothing if not given",
    to="discharge_ma",
)
GIVING_KEYS = (
    Key("soc", percent(1, 100), "a state of charge to be reached, where the charger tells it", to="soc_pm"),
    Key("battery_kwh", KWH, "what the battery holds", to="battery_wh"),
    Key("discharge", FLAG, "the vehicle may give back; false if not given"),
    Key("keep_soc", percent(0, 100), "it never gives back below this state of charge", to="keep_pm"),
    Key("cycle_per_kwh", MONEY, "what a kWh given back wears; 0 if not given", to="cycle_micro"),
)
