"""The page of an event's report: one HTML file with its plot, to read, print and send; no script.

    page(report, zone) -> str

The picture is SVG: what was taken in blue, the limit in red, the baseline dashed.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from zoneinfo import ZoneInfo

from edge.model.units import HOUR_MS, MINUTE_MS, kw_text
from edge.report.performance import EventReport, IntervalLine

WIDTH, HEIGHT = 900, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 34

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
table{border-collapse:collapse;width:100%}
th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid #d5d9de}
th:first-child,td:first-child{text-align:left}.no{color:#a40e26;font-weight:600}svg{width:100%;height:auto}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{color:#57606a}dd{margin:0}
@media print{body{margin:0}}
"""


def page(report: EventReport, zone: ZoneInfo) -> str:
    """Return the whole page."""
    name = report.event_name or report.event_id
    title = f"{'Drill: ' if report.drill else ''}{name}"
    body = [
        f"<h1>{escape(title)}</h1>",
        _summary(report, zone),
        picture(report, zone),
        "<p>Blue: measured. Red: the limit. Dashed: the baseline.</p>",
        "<h2>Intervals</h2>",
        _table(INTERVAL_HEAD, [interval_cells(line, zone) for line in report.intervals]),
        "<h2>Vehicles</h2>",
        _vehicles(report),
        "<h2>Steps</h2>",
        _table(("When", "Step", "Cause"), [(_time(s.wall_ms, zone), s.step, s.cause) for s in report.steps]),
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>{"".join(body)}</html>\n'
    )


INTERVAL_HEAD = (
    "Interval",
    "From",
    "To",
    "Limit",
    "Mean",
    "Highest",
    "Complied",
    "After",
    "Within",
    "Baseline",
    "Shed",
)


def interval_cells(line: IntervalLine, zone: ZoneInfo) -> tuple[str, ...]:
    """Return an interval as words."""
    after = "never" if line.complied_after_ms is None else f"{line.complied_after_ms / 1000:.1f} s"
    within = f"{100 * line.within_ms // line.slots_ms} %" if line.slots_ms else "unknown"
    return (
        str(line.interval_id), _time(line.start_wall_ms, zone), _time(line.end_wall_ms, zone),
        kw_text(line.limit_w), kw_text(line.mean_w), kw_text(line.highest_w),
        {True: "yes", False: "no", None: "too short"}[line.complied],
        after, within, _kw(line.baseline_w), _kw(line.shed_w),
    )  # fmt: skip


def summary(report: EventReport, zone: ZoneInfo) -> list[tuple[str, str]]:
    """Return what matters most, as words."""
    after = report.complied_after_ms
    shed = "unknown" if report.shed_wh is None else f"{report.shed_wh / 1000:.1f} kWh"
    baseline = report.baseline_note
    if report.shed_wh is not None:
        ratio = f"adjusted by {report.baseline_ratio:.2f}"
        baseline = f"{report.baseline_method}, {len(report.baseline_days)} days, {baseline or ratio}"
    held = report.vehicles_held
    return [
        ("Event", f"{report.event_id} of program {report.program_id or 'unknown'}"),
        ("Time", f"{_time(report.start_wall_ms, zone, True)} to {_time(report.end_wall_ms, zone, True)}"),
        ("Complied", f"{report.intervals_complied} of {len(report.intervals)} intervals"),
        ("Time to comply", "never within the limit" if after is None else f"{after / 1000:.1f} s"),
        ("Shed", f"{shed} against the baseline"),
        ("Baseline", baseline or "none"),
        ("Vehicles held back", ", ".join(line.vehicle or line.charger for line in held) or "none"),
    ]


def _summary(report: EventReport, zone: ZoneInfo) -> str:
    return (
        "<dl>"
        + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in summary(report, zone))
        + "</dl>"
    )


def _vehicles(report: EventReport) -> str:
    rows = [
        (
            v.charger,
            v.vehicle,
            f"{v.energy_wh / 1000:.2f} kWh",
            kw_text(v.highest_w),
            f"{v.held_ms / MINUTE_MS:.1f} min",
        )
        for v in report.vehicles
    ]
    return (
        _table(("Charger", "Vehicle", "Energy", "Highest", "Held back"), rows)
        if rows
        else "<p>None was there.</p>"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"]
    for row in rows:
        cells = (f"<td{' class=no' if cell in ('no', 'never') else ''}>{escape(cell)}</td>" for cell in row)
        lines.append("<tr>" + "".join(cells) + "</tr>")
    return f"<table>{''.join(lines)}</table>"


def picture(report: EventReport, zone: ZoneInfo) -> str:
    """Return the plot as SVG, "" where nothing was measured."""
    samples = report.samples
    if not samples:
        return ""
    first, last = samples[0].from_wall_ms, samples[-1].to_wall_ms
    tops = [max(s.power_w, s.limit_w or 0, s.baseline_w or 0) for s in samples]
    step_w = next(s for n in range(3, 9) for k in (1, 2, 5) if (s := k * 10**n) * 5 >= max(tops))
    top_w = step_w * 5

    def x(wall_ms: int) -> str:
        return f"{LEFT + (WIDTH - LEFT - RIGHT) * (wall_ms - first) / max(1, last - first):.1f}"

    def y(power_w: int) -> str:
        return f"{TOP + (HEIGHT - TOP - BOTTOM) * (1 - max(0, power_w) / top_w):.1f}"

    parts = []
    for line in report.intervals:
        width = float(x(min(line.end_wall_ms, last))) - float(x(max(line.start_wall_ms, first)))
        parts.append(
            f'<rect x="{x(max(line.start_wall_ms, first))}" y="{TOP}" width="{max(0, width):.1f}" '
            f'height="{HEIGHT - TOP - BOTTOM}" fill="#fff1e5"/>'
        )
    for n in range(6):
        at = y(n * step_w)
        parts.append(f'<path d="M{LEFT} {at}H{WIDTH - RIGHT}" stroke="#d5d9de"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at}" text-anchor="end" dy="4">{kw_text(n * step_w)}</text>')
    for wall_ms in _ticks(first, last):
        label = _time(wall_ms, zone, seconds=last - first < 10 * MINUTE_MS)
        parts.append(f'<text x="{x(wall_ms)}" y="{HEIGHT - 12}" text-anchor="middle">{label}</text>')
    for values, style in (
        (
            [(s.from_wall_ms, s.to_wall_ms, s.baseline_w) for s in samples],
            'stroke="#57606a" stroke-dasharray="6 4"',
        ),
        ([(s.from_wall_ms, s.to_wall_ms, s.limit_w) for s in samples], 'stroke="#cf222e" stroke-width="2"'),
        ([(s.from_wall_ms, s.to_wall_ms, s.power_w) for s in samples], 'stroke="#0969da" stroke-width="2"'),
    ):
        path, drawn_to = "", None
        for begin, end, power in values:
            if power is not None:
                path += f"V{y(power)}H{x(end)}" if drawn_to == begin else f"M{x(begin)} {y(power)}H{x(end)}"
                drawn_to = end
        parts.append(f'<path d="{path}" fill="none" {style}/>')
    label = f"Power during event {report.event_id}: measured, limit and baseline"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}" '
        f'font-family="system-ui,sans-serif" font-size="12">{"".join(parts)}</svg>'
    )


def _ticks(first: int, last: int) -> list[int]:
    """Return some round times between two."""
    steps = [s * 1000 for s in (10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 86_400)]
    step = next((s for s in steps if (last - first) / s <= 9), 24 * HOUR_MS)
    return list(range(-(-first // step) * step, last, step))


def _kw(power_w: int | None) -> str:
    return "unknown" if power_w is None else ("-" if power_w < 0 else "") + kw_text(abs(power_w))


def _time(wall_ms: int, zone: ZoneInfo, day: bool = False, seconds: bool = True) -> str:
    shown = datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(zone)
    return shown.strftime(("%Y-%m-%d " if day else "") + ("%H:%M:%S" if seconds else "%H:%M"))
