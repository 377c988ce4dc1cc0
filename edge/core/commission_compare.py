"""What has changed since the last commissioning: findings that came or went, devices, figures that moved."""

from edge.model.commission import Figure, Finding, Protocol
from edge.model.units import amps_text

# What has to move for it to be worth a line, by unit: readings differ from day to day.
WORTH = {"mA": 1_000, "ms": 2_000}
NAMES = ("write to current", "draws", "draws after silence", "silence until it had fallen back")
IDENTITY = ("manufacturer", "model", "serial", "firmware")

Difference = tuple[str, str, str, str]


def differences(last: Protocol, now: Protocol) -> list[Difference]:
    """Return (device, what, before, now), what matters most first; only of steps that both have done."""
    both = {str(r.step) for r in last.results} & {str(r.step) for r in now.results}
    found = _findings(last, now, both)
    if last.site_hash != now.site_hash:
        found.append(("", "site file", last.site_hash[:12], now.site_hash[:12]))
    return found + _devices(last, now) + _figures(last, now)


def _findings(last: Protocol, now: Protocol, both: set[str]) -> list[Difference]:
    def of(protocol: Protocol) -> dict[tuple[str, str, str], Finding]:
        return {
            (f.step, f.device, f.code): f for f in protocol.findings if f.kind != "note" and f.step in both
        }

    before, after = of(last), of(now)
    came = [
        (d, code, "not there", after[s, d, code].kind) for s, d, code in after if (s, d, code) not in before
    ]
    went = [(d, code, before[s, d, code].kind, "gone") for s, d, code in before if (s, d, code) not in after]
    return [*came, *went]


def _devices(last: Protocol, now: Protocol) -> list[Difference]:
    found: list[Difference] = []
    before, after = ({d.id: d for d in p.devices} for p in (last, now))
    found += [(name, "device", "there", "no longer in the site file") for name in before if name not in after]
    found += [(name, "device", "not there", "new") for name in after if name not in before]
    for name in after.keys() & before.keys():
        for key in IDENTITY:
            old, new = (str(d[name].identity.get(key, "")) for d in (before, after))
            if old and new and old != new:
                found.append((name, key, old, new))
    return sorted(found)


def _figures(last: Protocol, now: Protocol) -> list[Difference]:
    def of(protocol: Protocol) -> dict[tuple[str, str, str], Figure]:
        figures = [f for r in protocol.results for f in r.figures]
        return {(f.step, f.device, f.name): f for f in figures if f.name.split(": ")[-1] in NAMES}

    before, after = of(last), of(now)
    return [
        (new.device, new.name, shown(old), shown(new))
        for key, new in after.items()
        if (old := before.get(key)) and abs(new.value - old.value) >= WORTH.get(new.unit, 1)
    ]


def shown(figure: Figure) -> str:
    """Say a figure in the unit that people use."""
    match figure.unit:
        case "mA":
            return amps_text(figure.value)
        case "mV":
            return f"{figure.value / 1000:.1f} V"
        case "ms":
            return f"{figure.value / 1000:.1f} s" if figure.value >= 1_000 else f"{figure.value} ms"
        case "‰":
            return f"{figure.value / 1000:.2f}"
        case _:
            return f"{figure.value} {figure.unit}".rstrip()
