"""The commissioning report as a page: one HTML file with its curves, to read, print and hand over; no script.

    page(protocol, last, zone) -> str

sections() is the same as plain rows, which the PDF (commissionpdf.py) is made of too: they cannot differ.
Curves are SVG: what a charger was told dashed, what it drew solid, meters thin.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import NamedTuple
from zoneinfo import ZoneInfo

from edge.core.commission_compare import differences, shown
from edge.model.commission import STEPS, Curve, Protocol
from edge.model.units import amps_text

WIDTH, HEIGHT = 900, 220
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 10, 40
INKS = ("#0969da", "#8250df", "#bf3989", "#1a7f37", "#9a6700", "#57606a")

NOT_LISTED = (
    "Not a listed power-control system: depot-edge is not listed as an energy management system "
    "(NEC 750.30) or a power control system (UL 3141). "
    "Breakers and the chargers' own hard limits stay the protection."
)

TITLES = {
    "find": "Find: what is on the lines",
    "meters": "Meters at rest",
    "where": "Where is it? Chargers nudged, meters that follow",
    "obeys": "Obeys? Step response",
    "fallback": "Falls back? Nobody speaks",
    "holds": "Holds? The whole depot",
}
KINDS = {"fault": "Fault", "open": "Open point", "note": "Note"}

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
table{border-collapse:collapse;width:100%;font-size:.9rem}caption{text-align:left;color:#57606a}
th,td{padding:.25rem .5rem;text-align:left;border-bottom:1px solid #d5d9de;vertical-align:top}
.Fault{color:#a40e26;font-weight:600}
.box{border:1px solid #57606a;padding:.5rem 1rem}svg{width:100%;height:auto}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{color:#57606a}dd{margin:0}
.sign{display:grid;grid-template-columns:1fr 1fr;gap:3rem;margin-top:4rem}.sign p{border-top:1px solid}
@media print{body{margin:0}h2{break-after:avoid}svg,tr{break-inside:avoid}}
"""


class Section(NamedTuple):
    """A part of the report: a table, or curves.  note: where there is nothing to show."""

    title: str
    head: tuple[str, ...] = ()
    rows: Sequence[tuple[str, ...]] = ()
    curves: Sequence[Curve] = ()
    note: str = ""


def summary(protocol: Protocol, zone: ZoneInfo) -> list[tuple[str, str]]:
    """Return what stands at the top."""
    ended = protocol.ended_wall_ms
    done = {r.step for r in protocol.results}
    left = [step for step in STEPS if step not in done]
    faults = sum(f.kind == "fault" for f in protocol.findings)
    opens = sum(f.kind == "open" for f in protocol.findings)
    verdict = f"{faults} faults, {opens} open points" if faults or opens else "no fault, no open point"
    return [
        ("Site", f"{protocol.site_name} ({protocol.site_id})"),
        ("By", protocol.who or "nobody named"),
        ("Begun", time_text(protocol.started_wall_ms, zone)),
        ("Ended", time_text(ended, zone) if ended else "not ended: it can be resumed"),
        ("Outcome", verdict),
        ("Not done", ", ".join(left) or "nothing"),
        ("Site file", f"SHA-256 {protocol.site_hash}"),
        ("Program", f"depot-edge {protocol.release}"),
        ("Protocol", protocol.id),
    ]


def sections(protocol: Protocol, last: Protocol | None, zone: ZoneInfo) -> list[Section]:
    """Return the parts of the report, in their order."""
    found = [_findings(protocol), _differences(protocol, last, zone), _devices(protocol)]
    for step in STEPS:
        results = [r for r in protocol.results if r.step == step]
        if not results:
            continue
        rows = [
            (f.device, f.name, shown(f), f.bound, {True: "yes", False: "NO", None: ""}[f.good])
            for r in results
            for f in r.figures
        ]
        note = "" if rows else "Nothing was measured."
        found.append(Section(TITLES[step], ("Device", "What", "Measured", "Bound", "Kept"), rows, note=note))
        if step == "where":
            found.append(_followers(protocol))
        curves = [c for r in results for c in r.curves if any(c.lines.values())]
        if curves:
            found.append(Section(f"{TITLES[step]}: curves", curves=curves))
    return found


def _findings(protocol: Protocol) -> Section:
    rows = [(KINDS[f.kind], f.device or "the depot", f.code, f.says) for f in protocol.findings]
    return Section(
        "Faults and open points", ("", "Where", "What", "In words"), rows, note="" if rows else "None."
    )


def _differences(protocol: Protocol, last: Protocol | None, zone: ZoneInfo) -> Section:
    if last is None:
        return Section("Since last time", note="This is the first commissioning that was ended here.")
    title = f"Since last time ({time_text(last.started_wall_ms, zone)}, {last.who or 'nobody named'})"
    rows = [(d or "the depot", what, old, new) for d, what, old, new in differences(last, protocol)]
    return Section(title, ("Where", "What", "Before", "Now"), rows, note="" if rows else "No difference.")


def _devices(protocol: Protocol) -> Section:
    rows = []
    for device in protocol.devices:
        told = [str(device.identity[k]) for k in ("manufacturer", "model", "serial") if k in device.identity]
        firmware = str(device.identity.get("firmware", ""))
        settings = ", ".join(f"{key} {value}" for key, value in device.settings.items())
        rows.append((device.id, device.driver, device.where, " ".join(told), firmware, settings))
    return Section("Devices", ("Device", "Driver", "Where", "Says it is", "Firmware", "Settings"), rows)


def _followers(protocol: Protocol) -> Section:
    rows = [
        (f.charger, f.meter, f"L{f.phase + 1}", f"{f.pm / 10:.0f} %",
         "" if f.power_pm is None else f"{f.power_pm / 10:.0f} %", f"{f.share_pm / 10:.0f} % of {f.edges}")
        for r in protocol.results if r.step == "where" for f in r.follows
    ]  # fmt: skip
    head = ("Charger", "Meter", "Phase", "Follows: amps", "watts", "Edges that agree")
    return Section("Which meters follow", head, rows, note="" if rows else "No charger was moved.")


def page(protocol: Protocol, last: Protocol | None, zone: ZoneInfo) -> str:
    """Return the whole page.  last: the commissioning before, None for none."""
    title = f"Commissioning of {protocol.site_name}"
    body = [f"<h1>{escape(title)}</h1>", "<dl>"]
    body += [f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in summary(protocol, zone)]
    body += ["</dl>", f"<p class=box><strong>{escape(NOT_LISTED)}</strong></p>"]
    for section in sections(protocol, last, zone):
        body.append(f"<h2>{escape(section.title)}</h2>")
        if section.note:
            body.append(f"<p>{escape(section.note)}</p>")
        if section.rows:
            body.append(_table(section))
        for curve in section.curves:
            body.append(f"<h3>{escape(curve.title)}</h3>{picture(curve)}")
    body.append("<div class=sign><p>Date, electrician</p><p>Date, owner</p></div>")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>{"".join(body)}</html>\n'
    )


def _table(section: Section) -> str:
    head = "".join(f"<th scope=col>{escape(cell)}</th>" for cell in section.head)
    lines = []
    for row in section.rows:
        bad = row[0] == "Fault" or row[-1] == "NO"
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in row)
        lines.append(f"<tr{' class=Fault' if bad else ''}>{cells}</tr>")
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


class Frame(NamedTuple):
    """The measures of a curve's picture, for HTML and PDF.  top_ma: of the scale; step_ma: of its grid."""

    last_ms: int
    top_ma: int
    step_ma: int


def frame(curve: Curve) -> Frame:
    """Return the scale that holds all lines of a curve."""
    points = [point for line in curve.lines.values() for point in line]
    most_ma = max([value for _, value in points] + [1_000])
    steps = [k * 10**n for n in range(2, 7) for k in (1, 2, 5)]
    step_ma = next(s for s in steps if s * 5 >= most_ma)
    return Frame(max([at for at, _ in points] + [1_000]), 5 * step_ma, step_ma)


def seconds(last_ms: int) -> list[int]:
    """Return some round times, in ms, up to the last."""
    steps = [s * 1000 for s in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600)]
    step = next((s for s in steps if last_ms / s <= 10), 600_000)
    return list(range(0, last_ms + 1, step))


def ink(n: int) -> str:
    """Return the colour of the n-th line."""
    return INKS[n % len(INKS)]


def picture(curve: Curve) -> str:
    """Return a curve as SVG; its lines are named below it."""
    scale = frame(curve)

    def x(at_ms: int) -> str:
        return f"{LEFT + (WIDTH - LEFT - RIGHT) * at_ms / scale.last_ms:.1f}"

    def y(value_ma: int) -> str:
        share = max(0, value_ma) / scale.top_ma
        return f"{TOP + (HEIGHT - TOP - BOTTOM) * (1 - share):.1f}"

    parts = []
    for n in range(6):
        at = y(n * scale.step_ma)
        parts.append(f'<path d="M{LEFT} {at}H{WIDTH - RIGHT}" stroke="#d5d9de"/>')
        label = amps_text(n * scale.step_ma)
        parts.append(f'<text x="{LEFT - 6}" y="{at}" text-anchor="end" dy="4">{label}</text>')
    for at_ms in seconds(scale.last_ms):
        parts.append(f'<text x="{x(at_ms)}" y="{HEIGHT - 24}" text-anchor="middle">{at_ms // 1000} s</text>')
    at_x = LEFT
    for n, (name, points) in enumerate(curve.lines.items()):
        if not points:
            continue
        path = "M" + "L".join(f"{x(at)} {y(value)}" for at, value in points)
        dash = ' stroke-dasharray="6 4"' if name.endswith(" told") else ""
        parts.append(f'<path d="{path}" fill="none" stroke="{ink(n)}" stroke-width="1.5"{dash}/>')
        parts.append(f'<path d="M{at_x} {HEIGHT - 8}h18" stroke="{ink(n)}" stroke-width="2"{dash}/>')
        parts.append(f'<text x="{at_x + 22}" y="{HEIGHT - 4}">{escape(name)}</text>')
        at_x += 40 + 7 * len(name)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(curve.title)}" '
        f'font-family="system-ui,sans-serif" font-size="12">{"".join(parts)}</svg>'
    )


def time_text(wall_ms: int, zone: ZoneInfo) -> str:
    """Return a time as people of the site write it."""
    return datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")
