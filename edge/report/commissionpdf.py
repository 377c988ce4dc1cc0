"""The commissioning report as PDF, of the same sections as the page.

Needs fpdf2: pip install 'depot-edge[report]'.  The font is one that every reader has and that knows Latin 1:
other characters are written in other words.
"""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from edge.model.commission import Curve, Protocol
from edge.model.units import amps_text
from edge.report.commissionpage import NOT_LISTED, Section, frame, ink, seconds, sections, summary

WIDTH_MM, MARGIN_MM = 210, 15
INNER_MM = WIDTH_MM - 2 * MARGIN_MM
PLOT_MM, AXIS_MM = 45, 14

WORDS = str.maketrans({"≤": "<=", "→": "->", "‰": " per mille", "…": "...", "×": "x", "–": "-", "Σ": "sum"})


class NoLibrary(Exception):
    """fpdf2 is not installed; the text says how to have it."""


def document(protocol: Protocol, last: Protocol | None, zone: ZoneInfo) -> bytes:
    """Return the report as a PDF.  Raises NoLibrary."""
    try:
        from fpdf import FPDF  # noqa: PLC0415 - an optional dependency
    except ImportError:
        raise NoLibrary(
            "the PDF needs fpdf2: pip install 'depot-edge[report]'; HTML and JSON do not"
        ) from None

    class Report(FPDF):
        def footer(self) -> None:
            self.set_y(-12)
            self.set_font("Helvetica", size=8)
            text = f"{protocol.id}, site file {protocol.site_hash[:16]}: page {self.page_no()} of {{nb}}"
            self.cell(0, 5, latin(text), align="C")

    pdf = Report(format="A4")
    pdf.set_margins(MARGIN_MM, MARGIN_MM)
    pdf.set_auto_page_break(True, margin=18)
    pdf.set_title(latin(f"Commissioning of {protocol.site_name}"))
    pdf.add_page()
    _head(pdf, protocol, zone)
    for section in sections(protocol, last, zone):
        _section(pdf, section)
    _signatures(pdf)
    return bytes(pdf.output())


def latin(text: str) -> str:
    """Return text in characters of Latin 1."""
    return text.translate(WORDS).encode("latin-1", "replace").decode("latin-1")


def _head(pdf, protocol: Protocol, zone: ZoneInfo) -> None:  # type: ignore[no-untyped-def]
    pdf.set_font("Helvetica", "B", 18)
    pdf.multi_cell(0, 9, latin(f"Commissioning of {protocol.site_name}"), new_x="LMARGIN", new_y="NEXT")
    for key, value in summary(protocol, zone):
        pdf.set_font("Helvetica", "B", 9)
        pdf.cell(30, 5, latin(key))
        pdf.set_font("Helvetica", size=9)
        pdf.multi_cell(0, 5, latin(value), new_x="LMARGIN", new_y="NEXT")
    pdf.ln(2)
    pdf.set_font("Helvetica", "B", 9)
    pdf.multi_cell(0, 5, latin(NOT_LISTED), border=1, new_x="LMARGIN", new_y="NEXT")


def _section(pdf, section: Section) -> None:  # type: ignore[no-untyped-def]
    pdf.ln(3)
    pdf.set_font("Helvetica", "B", 12)
    pdf.multi_cell(0, 7, latin(section.title), new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("Helvetica", size=8)
    if section.note:
        pdf.multi_cell(0, 5, latin(section.note), new_x="LMARGIN", new_y="NEXT")
    if section.rows:
        widths = shares([section.head, *section.rows])
        with pdf.table(col_widths=widths, line_height=4, text_align="LEFT", padding=0.5) as table:
            for row in (section.head, *section.rows):
                cells = table.row()
                for cell in row:
                    cells.cell(latin(cell))
    for curve in section.curves:
        _curve(pdf, curve)


def shares(rows: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """Return how wide columns are beside each other: by their longest word and, less so, their text."""
    found = []
    for column in range(len(rows[0])):
        cells = [row[column] for row in rows]
        word = max((len(w) for cell in cells for w in cell.split()), default=1)
        text = max(len(cell) for cell in cells)
        found.append(max(4, word + 1, min(text, 60) // 2))
    return tuple(found)


def _curve(pdf, curve: Curve) -> None:  # type: ignore[no-untyped-def]
    if pdf.will_page_break(PLOT_MM + 22):
        pdf.add_page()
    pdf.set_font("Helvetica", "B", 9)
    pdf.cell(0, 6, latin(curve.title), new_x="LMARGIN", new_y="NEXT")
    left, top, width = MARGIN_MM + AXIS_MM, pdf.get_y(), INNER_MM - AXIS_MM
    scale = frame(curve)
    pdf.set_font("Helvetica", size=7)
    pdf.set_line_width(0.1)
    pdf.set_draw_color(210)
    for n in range(6):
        y = top + PLOT_MM * (1 - n / 5)
        pdf.line(left, y, left + width, y)
        pdf.set_xy(MARGIN_MM, y - 1.5)
        pdf.cell(AXIS_MM - 1, 3, latin(amps_text(n * scale.step_ma)), align="R")
    for at_ms in seconds(scale.last_ms):
        pdf.set_xy(left + width * at_ms / scale.last_ms - 6, top + PLOT_MM + 0.5)
        pdf.cell(12, 3, f"{at_ms // 1000} s", align="C")
    at_x = left
    pdf.set_line_width(0.25)
    for n, (name, points) in enumerate(curve.lines.items()):
        pdf.set_draw_color(ink(n))
        pdf.set_dash_pattern(*((1.2, 0.8) if name.endswith(" told") else (0, 0)))
        line = [
            (left + width * at / scale.last_ms, top + PLOT_MM * (1 - max(0, value) / scale.top_ma))
            for at, value in points
        ]
        if len(line) > 1:
            pdf.polyline(line)
        pdf.line(at_x, top + PLOT_MM + 6, at_x + 5, top + PLOT_MM + 6)
        pdf.set_xy(at_x + 5, top + PLOT_MM + 4.5)
        pdf.cell(24, 3, latin(name))
        at_x += 32
    pdf.set_dash_pattern()
    pdf.set_draw_color(0)
    pdf.set_xy(MARGIN_MM, top + PLOT_MM + 10)


def _signatures(pdf) -> None:  # type: ignore[no-untyped-def]
    if pdf.will_page_break(35):
        pdf.add_page()
    pdf.ln(22)
    pdf.set_font("Helvetica", size=9)
    half = INNER_MM / 2
    for text in ("Date, electrician", "Date, owner"):
        pdf.cell(half - 8, 6, text, border="T")
        pdf.cell(8, 6, "")
