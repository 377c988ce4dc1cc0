"""The port policy: which class of 23 CFR 680.116(b) each thing that is seen of a port belongs to.

This table is the only place that says so.  A site may have its own, in the same words, as a TOML file
(`port_policy` of the site file; shell/portpolicyfile.py reads it, docs/uptime.md describes it).

Rule 1: rules are tried from above; the first whose `seen` holds says state, cause and exclusion.
Rule 2: what curtails a port is our own doing or the utility's: the port is up.
Rule 3: only what the gateway can prove by itself is excluded here; maintenance, vandalism and disasters are
        entered by people, with evidence (model/exclusion.py).

Source: 23 CFR 680.116(b) for what has to be told apart; MREC codes and which of them take a port down:
ChargeX consortium (INL), as EVerest and EVgo publish them under Apache-2.0.
"""

from typing import Literal, get_args

import msgspec

from edge.model.exclusion import UTILITY, VEHICLE
from edge.model.units import SECOND_MS

# What can be seen of a port.  core/ports.py says when each of them holds.
Seen = Literal[
    "no mains",
    "silent",
    "vehicle code",
    "state E",
    "state F",
    "port-down code",
    "stopped by board",
    "not operative",
    "cannot say",
    "no vehicle",
    "curtailed",
    "vehicle",
]
SEEN: tuple[str, ...] = get_args(Seen)


class PortRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is seen, and what it counts as.  excluded: "" or why 23 CFR 680.116(b) takes the minutes out."""

    seen: Seen
    state: Literal["up", "down", "unknown"]
    cause: str
    excluded: str = ""


RULES = (
    PortRule("no mains", "down", "power", UTILITY),
    PortRule("silent", "down", "comms"),
    PortRule("vehicle code", "down", "vehicle", VEHICLE),
    PortRule("state E", "down", "fault"),
    PortRule("state F", "down", "fault"),
    PortRule("port-down code", "down", "fault"),
    PortRule("stopped by board", "down", "unavailable"),
    PortRule("not operative", "down", "unavailable"),
    PortRule("cannot say", "unknown", "state"),
    PortRule("no vehicle", "up", "available"),
    PortRule("curtailed", "up", "curtailed"),
    PortRule("vehicle", "up", "in use"),
)

# MREC codes that take a port down even where its state does not say so; and those that are the vehicle's.
DOWN_CODES = (
    "CX001", "CX002", "CX004", "CX008", "CX011", "CX012", "CX014", "CX015", "CX017", "CX021", "CX022",
    "CX023", "CX024", "CX025", "CX026",
)  # fmt: skip
VEHICLE_CODES = ("CX010", "CX016")


class PortPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The policy of a site.  name: stands in every report, so that two policies are not mixed up.

    flap_ms: silences that are shorter are no outage by evidence; two of them with less than this between
    are one.  failed_starts: so many failed starts in a row, of more than one vehicle where vehicles are
    known, and a port that shows "available" counts as down.
    """

    name: str = "depot-edge 1"
    rules: tuple[PortRule, ...] = RULES
    down_codes: tuple[str, ...] = DOWN_CODES
    vehicle_codes: tuple[str, ...] = VEHICLE_CODES
    flap_ms: int = 10 * SECOND_MS
    failed_starts: int = 3


DEFAULT = PortPolicy()
