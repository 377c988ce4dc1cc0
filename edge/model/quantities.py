"""The closed list of what a device can tell.  A typo in a driver table is an error, not a new quantity.

A table row names a quantity without its unit, and gives the unit as the manual prints it; the loader
turns it into the integer unit of this list.  A reading's key is the name with the unit: "current_l1_ma".
"""

from typing import NamedTuple


class Quantity(NamedTuple):
    """One thing that a device can tell.

    name: as in device tables.  unit: the suffix of the integer, or "" for a count, flag or text.
    kind: "int", "flag" (0 or 1) or "text".
    """

    name: str
    unit: str
    kind: str
    meaning: str

    @property
    def key(self) -> str:
        """The key in a reading: the name with its unit."""
        return f"{self.name}_{self.unit}" if self.unit else self.name


def _list() -> list[Quantity]:
    phases = ("l1", "l2", "l3")
    rows: list[tuple[str, str, str, str]] = []
    for p in phases:
        line = p.upper()
        rows += [
            (f"voltage_{p}", "mv", "int", f"{line} to neutral"),
            (f"current_{p}", "ma", "int", f"in {line}; positive is import or into the vehicle"),
            (f"power_{p}", "w", "int", f"active, {line}"),
            (f"reactive_{p}", "var", "int", f"reactive, {line}"),
            (f"apparent_{p}", "va", "int", f"apparent, {line}"),
            (f"power_factor_{p}", "pm", "int", f"of {line}, in thousandths"),
            (f"energy_import_{p}", "wh", "int", f"counter, {line}"),
            (f"energy_export_{p}", "wh", "int", f"counter, {line}"),
            (f"limit_{p}", "ma", "int", f"limit that the device applies, {line}"),
        ]
    rows += [
        ("voltage_l12", "mv", "int", "L1 to L2"),
        ("voltage_l23", "mv", "int", "L2 to L3"),
        ("voltage_l31", "mv", "int", "L3 to L1"),
        ("current_n", "ma", "int", "in the neutral"),
        ("power", "w", "int", "active, all phases"),
        ("reactive", "var", "int", "reactive, all phases"),
        ("apparent", "va", "int", "apparent, all phases"),
        ("power_factor", "pm", "int", "all phases, in thousandths"),
        ("frequency", "mhz", "int", "of the mains"),
        ("energy_import", "wh", "int", "counter, all phases; into the vehicle at a charger"),
        ("energy_export", "wh", "int", "counter, all phases"),
        ("energy_net", "wh", "int", "import less export"),
        ("demand", "w", "int", "mean of the meter's own demand interval"),
        ("demand_max", "w", "int", "highest demand that the meter keeps"),
        ("session_energy", "wh", "int", "since the vehicle was plugged in or authorised"),
        ("session_time", "s", "int", "since the vehicle was plugged in or authorised"),
        ("charge_time", "s", "int", "of this session in which current flowed"),
        ("state", "", "text", "IEC 61851-1 letter A B C D E F, or X where the device cannot say"),
        ("plugged", "", "flag", "a cable connects the vehicle"),
        ("charging", "", "flag", "contactor closed"),
        ("enabled", "", "flag", "the device allows charging"),
        ("available", "", "flag", "operative, as the device says"),
        ("authorised", "", "flag", "somebody or something has authorised this session"),
        ("locked", "", "flag", "locked from outside, by key switch or back office"),
        ("error_code", "", "int", "as the device numbers it"),
        ("error_code_2", "", "int", "a second error word"),
        ("error_text", "", "text", "as the device words it"),
        ("mrec", "", "text", "ChargeX MREC code where the meaning is known, else empty"),
        ("temperature", "mc", "int", "of the device"),
        ("setpoint", "ma", "int", "the setpoint as the device reads it back"),
        ("setpoint_power", "w", "int", "the power setpoint as the device reads it back"),
        ("limit", "ma", "int", "the limit that the device really applies"),
        ("offered_current", "ma", "int", "signalled to the vehicle"),
        ("fallback", "ma", "int", "what the device falls back to when we are silent"),
        ("fallback_power", "w", "int", "what the device falls back to when we are silent"),
        ("supervision_time", "ms", "int", "silence after which the device falls back; 0 is off"),
        ("valid_for", "ms", "int", "time left until the setpoint expires"),
        ("max_current", "ma", "int", "the device's own maximum"),
        ("min_current", "ma", "int", "the device's own minimum"),
        ("max_power", "w", "int", "the device's own maximum"),
        ("min_power", "w", "int", "the device's own minimum"),
        ("phases", "", "int", "conductors in use or selected: 1, 2 or 3"),
        ("connectors", "", "int", "how many the station has"),
        ("soc", "pm", "int", "state of charge, in thousandths"),
        ("vehicle_id", "", "text", "EVCCID or MAC where the charger tells"),
        ("tag", "", "text", "RFID or token of the session"),
        ("session_id", "", "text", "of the device"),
        ("manufacturer", "", "text", "of the device"),
        ("model", "", "text", "of the device"),
        ("serial", "", "text", "of the device"),
        ("firmware", "", "text", "of the device"),
        ("map_version", "", "int", "of the register map"),
        ("uptime", "s", "int", "since the device started"),
        ("starts", "", "int", "how often the contactor closed"),
        ("ct_ratio", "", "int", "current transformer ratio that multiplies readings"),
        ("pt_ratio", "", "int", "voltage transformer ratio that multiplies readings"),
        # The fail-safe I/O board.  Bit 0 of a pattern is relay 1 or input 1.
        ("board_state", "", "text", "SAFE, ALLOWED, LIMITED or TRIPPED"),
        ("board_cause", "", "text", "what led to that state"),
        ("relays", "", "int", "bits: relays driven closed"),
        ("feedback", "", "int", "bits: feedback contacts that say closed"),
        ("inputs", "", "int", "bits: inputs active"),
        ("faults", "", "int", "bits: what is wrong with the board, as it numbers it; 0 is well"),
        ("heartbeat_fresh", "", "flag", "the board hears our heartbeat"),
        ("heartbeat_age", "ms", "int", "since the last heartbeat that counted"),
        ("limit_input", "", "flag", "the grid operator's relay asks for less"),
        ("tripped", "", "flag", "the emergency stop was pressed, and nobody has reset it"),
        ("door", "", "flag", "the door is open"),
        ("relays_safe", "", "int", "bits: relays that stay closed without us"),
        ("relays_limited", "", "int", "bits: relays that may stay closed while the limit input is active"),
        ("relays_fitted", "", "int", "bits: relays that there are"),
        ("selftest", "", "text", "none, running, passed or failed: the last since the start"),
        ("selftest_failed", "", "int", "bits: what failed, 0-3 relay 1-4, 8-11 input 1-4"),
        ("selftest_age", "s", "int", "since the last self-test ended"),
        ("silences", "", "int", "how often our heartbeat was lost"),
        ("trips", "", "int", "how often the emergency stop was pressed"),
        ("relay_1_closings", "", "int", "over its life"),
        ("relay_2_closings", "", "int", "over its life"),
        ("relay_3_closings", "", "int", "over its life"),
        ("relay_4_closings", "", "int", "over its life"),
        ("firmware_hash", "", "text", "the first digits of SHA-256 over the firmware's files"),
        # The line's own quality, counted by the bus master for every device.
        ("line_requests", "", "int", "requests sent since start"),
        ("line_timeouts", "", "int", "no answer in time, since start"),
        ("line_errors", "", "int", "answers dropped: garbage, wrong unit, wrong function, late"),
        ("line_refusals", "", "int", "Modbus exceptions, since start"),
        ("line_answer", "ms", "int", "time to the latest answer"),
    ]
    return [Quantity(*row) for row in rows]


QUANTITIES: dict[str, Quantity] = {q.name: q for q in _list()}
BY_KEY: dict[str, Quantity] = {q.key: q for q in QUANTITIES.values()}

CURRENT_KEYS = ("current_l1_ma", "current_l2_ma", "current_l3_ma")
VOLTAGE_KEYS = ("voltage_l1_mv", "voltage_l2_mv", "voltage_l3_mv")
POWER_KEYS = ("power_l1_w", "power_l2_w", "power_l3_w")
