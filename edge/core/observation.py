"""What one look at a charger says, for sessions and port states: once, from whatever the device can tell.

    of(charger, values, online, …) -> Observation

Missing is None or "", never 0: a device that has no energy counter has no energy of 0 Wh.
"""

from collections.abc import Mapping

import msgspec

from edge.model.quantities import CURRENT_KEYS, POWER_KEYS, VOLTAGE_KEYS
from edge.model.site import Charger

# A charger draws at most this much over its maximum current at any plausible voltage.
HIGHEST_VOLTS = 300


class Observation(msgspec.Struct, frozen=True):
    """A charger in one tick.

    online: it has answered lately; else why says what is known of its silence.
    state: IEC 61851-1 letter, or X.  plugged, available: None where the device does not say.
    power_w: into the vehicle, measured or from currents.  counter_wh: it never goes back but by a reset.
    session_wh: since the vehicle came, as the device counts.  highest_w: no more than this can flow.
    curtailed: we (or the utility) give it less than it could use.  offered: it is given current at all.
    vehicle, driver: pseudonyms.  soc_pm: state of charge, in thousandths.
    holds_back: the vehicle takes less than it is offered.  took_phases, took_most_ma: as in Session.
    stopped: why an I/O board keeps it from charging, "" if none does.  guarded: what is known of its relay.
    """

    charger: str
    port: str
    online: bool
    state: str = "X"
    plugged: bool | None = None
    available: bool | None = None
    power_w: int | None = None
    counter_wh: int | None = None
    session_wh: int | None = None
    error: str = ""
    vehicle: str = ""
    highest_w: int = 400_000
    curtailed: bool = False
    why: str = ""
    offered: bool = True
    driver: str = ""
    soc_pm: int | None = None
    stopped: str = ""
    guarded: str = ""
    holds_back: bool = False
    took_phases: int = 0
    took_most_ma: int | None = None

    @property
    def vehicle_there(self) -> bool | None:
        """Whether a vehicle is plugged in; None where nobody can say."""
        if not self.online:
            return None
        if self.state in ("A", "B", "C", "D"):
            return self.state != "A"
        return self.plugged

    @property
    def flowing(self) -> bool:
        """Whether the vehicle takes power: 100 W and more is not the charger's electronics."""
        if self.power_w is not None:
            return self.power_w >= 100
        return self.state in ("C", "D")


def of(
    charger: Charger,
    values: Mapping[str, int | str],
    online: bool,
    *,
    curtailed: bool = False,
    offered: bool = True,
    why: str = "",
    voltage_v: int = 230,
    stopped: str = "",
    guarded: str = "",
    holds_back: bool = False,
    took_phases: int = 0,
    took_most_ma: int | None = None,
) -> Observation:
    """Return what the latest readings of a charger say.

    values: keys of model.quantities.BY_KEY.  voltage_v: nominal, where the device measures currents and
    neither power nor voltage.
    """
    return Observation(
        charger=charger.id,
        port=charger.port or charger.id,
        online=online,
        state=str(values.get("state") or "X"),
        plugged=_flag(values, "plugged"),
        available=_flag(values, "available"),
        power_w=_power(values, voltage_v),
        counter_wh=_whole(values, "energy_import_wh"),
        session_wh=_whole(values, "session_energy_wh"),
        error=_error(values),
        vehicle=str(values.get("vehicle_id") or ""),
        highest_w=max(1, len(charger.phases) * charger.max_ma * HIGHEST_VOLTS // 1000),
        curtailed=curtailed,
        why=why,
        offered=offered,
        driver=str(values.get("tag") or ""),
        soc_pm=_whole(values, "soc_pm"),
        stopped=stopped,
        guarded=guarded,
        holds_back=holds_back,
        took_phases=took_phases,
        took_most_ma=took_most_ma,
    )


def _whole(values: Mapping[str, int | str], key: str) -> int | None:
    value = values.get(key)
    return value if isinstance(value, int) else None


def _flag(values: Mapping[str, int | str], key: str) -> bool | None:
    value = _whole(values, key)
    return None if value is None else bool(value)


def _power(values: Mapping[str, int | str], voltage_v: int) -> int | None:
    power = _whole(values, "power_w")
    if power is not None:
        return power
    parts = [part for key in POWER_KEYS if (part := _whole(values, key)) is not None]
    if parts:
        return sum(parts)
    total, seen = 0, False
    for current_key, voltage_key in zip(CURRENT_KEYS, VOLTAGE_KEYS, strict=True):
        current = _whole(values, current_key)
        if current is not None:
            seen = True
            total += current * (_whole(values, voltage_key) or voltage_v * 1000)
    return total // 1_000_000 if seen else None


def _error(values: Mapping[str, int | str]) -> str:
    """Return the error in the best words there are: MREC, the device's text, or its number."""
    for key in ("mrec", "error_text"):
        text = values.get(key)
        if isinstance(text, str) and text:
            return text
    codes = [code for key in ("error_code", "error_code_2") if (code := _whole(values, key))]
    return "error " + "/".join(map(str, codes)) if codes else ""
