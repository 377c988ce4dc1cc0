"""The depot now as OpenMetrics text, for whoever watches many depots.

    metrics(status, ports) -> str          served at /metrics

Rule 1: base units (watts, amperes, joules, seconds); what is not known has no sample, and never 0.
Rule 2: labels are ids of the site file; nothing that names a driver or a vehicle.

Source: OpenMetrics 1.0.0 (text format, names, units, escaping).
"""

from collections.abc import Iterable, Mapping

from edge.model.units import PHASE_NAMES
from edge.shell.answers import Status
from edge.shell.release import release

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

KINDS = ("charging", "waiting", "paused", "free", "fault", "offline")

Sample = tuple[Mapping[str, str], float | None]


def metrics(status: Status, ports: Mapping[str, str]) -> str:
    """Return the depot's metrics.  ports: charger id -> port id."""
    lines: list[str] = []
    lines += _family("depot", "info", "", "The site and the software.", [({**_site(status)}, 1)])
    lines += _family("depot_tick_age_seconds", "gauge", "seconds", "How long ago the last decision was.",
                     [({}, status.age_ms / 1000)])  # fmt: skip
    lines += _family("depot_violations", "gauge", "", "Invariants that the last decision broke.",
                     [({}, len(status.violations))])  # fmt: skip
    lines += _family("depot_fallback", "gauge", "", "1 while a meter is silent and fallback currents hold.",
                     [({}, int(bool(status.fallback)))])  # fmt: skip
    lines += _nodes(status)
    lines += _chargers(status, ports)
    return "\n".join([*lines, "# EOF", ""])


def _site(status: Status) -> dict[str, str]:
    return {"site": status.site, "version": release()}


def _nodes(status: Status) -> list[str]:
    lines = _family("depot_node_power_watts", "gauge", "watts", "Measured import.",
                    [({"node": n.id}, n.power_w) for n in status.nodes])  # fmt: skip
    for name, says, values in (
        ("limit", "Lowest limit of all reasons.", [(n.id, n.limit_ma) for n in status.nodes]),
        ("current", "Measured current.", [(n.id, n.flowing_ma) for n in status.nodes]),
        ("granted", "Granted to chargers below.", [(n.id, n.charging_ma) for n in status.nodes]),
    ):
        samples = [
            ({"node": node, "phase": phase}, ma / 1000)
            for node, triple in values
            if triple is not None
            for phase, ma in zip(PHASE_NAMES, triple, strict=True)
        ]
        lines += _family(f"depot_node_{name}_amperes", "gauge", "amperes", says, samples)
    return lines


def _chargers(status: Status, ports: Mapping[str, str]) -> list[str]:
    own = [({"charger": c.id, "port": ports.get(c.id, c.id)}, c) for c in status.chargers]
    lines = _family("depot_charger_online", "gauge", "", "1 while it answers.",
                    [(labels, int(c.online)) for labels, c in own])  # fmt: skip
    lines += _family("depot_charger_power_watts", "gauge", "watts", "Into the vehicle.",
                     [(labels, c.power_w) for labels, c in own])  # fmt: skip
    lines += _family("depot_charger_granted_amperes", "gauge", "amperes", "Its setpoint.",
                     [(labels, c.granted_ma / 1000) for labels, c in own])  # fmt: skip
    lines += _family("depot_charger_asked_amperes", "gauge", "amperes", "What its vehicle could use.",
                     [(labels, c.asked_ma / 1000) for labels, c in own])  # fmt: skip
    energies = [(labels, None if c.session_wh is None else c.session_wh * 3600) for labels, c in own]
    lines += _family("depot_charger_session_energy_joules", "gauge", "joules", "Since it was plugged in.",
                     energies)  # fmt: skip
    states = [
        ({**labels, "depot_charger_state": kind}, int(c.kind == kind)) for labels, c in own for kind in KINDS
    ]
    return lines + _family("depot_charger_state", "stateset", "", "What it is doing.", states)


def _family(name: str, kind: str, unit: str, says: str, samples: Iterable[Sample]) -> list[str]:
    lines = [f"# TYPE {name} {kind}"]
    lines += [f"# UNIT {name} {unit}"] if unit else []
    lines.append(f"# HELP {name} {says}")
    suffix = "_info" if kind == "info" else ""
    for labels, value in samples:
        if value is not None:
            inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            lines.append(f"{name}{suffix}{'{' + inside + '}' if inside else ''} {value}")
    return lines


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
