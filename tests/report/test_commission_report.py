"""The commissioning report: all that it must hold stands in the page and in the PDF, which others read."""

import io
from html.parser import HTMLParser
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pypdf

from edge.model.commission import Curve, Device, Figure, Finding, Follow, Protocol, Result
from edge.report import commissionpage, commissionpdf

ZONE = ZoneInfo("Europe/Berlin")

CURVE = Curve("obeys", "bay-1", "bay-1: step response", {
    "bay-1 told": [(0, 6_000), (9_000, 6_000), (9_000, 16_000), (30_000, 16_000)],
    "bay-1": [(0, 0), (5_000, 5_900), (12_000, 15_800), (30_000, 15_800)],
})  # fmt: skip

PROTOCOL = Protocol(
    id="depot-1",
    site_id="depot",
    site_name="Depot <West> & Öst",
    site_hash="ab" * 32,
    who="A. Ohm",
    started_wall_ms=1_795_189_976_000,
    release="0.1.0",
    ended_wall_ms=1_795_190_976_000,
    devices=[
        Device("bay-1", "charger", "alfen_eve", "10.0.0.1:502 unit 1",
               {"manufacturer": "Alfen NV", "serial": "ACE-1", "firmware": "6.4"}, {"fallback": "6 A"}),
    ],
    results=[
        Result(
            "obeys", "bay-1",
            findings=[Finding("obeys", "bay-1", "fault", "slow", "follows after 12.0 s ≤ 10 s")],
            figures=[Figure("obeys", "bay-1", "down: write to current", 12_000, "ms", "at most 10 s", False)],
            curves=[CURVE],
        ),
        Result("where", "bay-1", follows=[Follow("bay-1", "main", 0, 998, 1002, 900, 12)]),
    ],
)  # fmt: skip

MUST_SAY = (
    "A. Ohm", "ACE-1", "6.4", "Alfen NV", "alfen_eve", "ab" * 32, "0.1.0", "slow", "12.0 s", "at most 10 s",
    "not listed", "NEC 750.30", "UL 3141", "fallback 6 A", "2026-11-20 16:52:56",
)  # fmt: skip


class Text(HTMLParser):
    """Reads a page as a browser would, and complains about tags that are not closed."""

    VOID = ("meta", "br")

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in (*self.VOID, "path"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag != "path":
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_holds_everything():
    page = commissionpage.page(PROTOCOL, None, ZONE)
    reader = Text()
    reader.feed(page)
    text = " ".join(reader.words)
    for words in (*MUST_SAY, "Depot <West> & Öst", "first commissioning"):
        assert words in text, words
    assert "<West>" not in page  # names are text, not tags
    assert "<script" not in page


def test_curves_are_pictures_that_an_xml_reader_reads():
    picture = ElementTree.fromstring(commissionpage.picture(CURVE))
    lines = [p for p in picture.iter("path") if p.get("fill") == "none"]
    assert len(lines) == 2
    assert [bool(p.get("stroke-dasharray")) for p in lines] == [True, False]  # told is dashed
    assert picture.get("aria-label") == "bay-1: step response"


def test_differences_to_last_time_stand_in_it():
    before = Protocol(
        "depot-0", "depot", "Depot", "cd" * 32, "B. Volt", 1_763_653_976_000, "0.0.9", ended_wall_ms=1
    )
    page = commissionpage.page(PROTOCOL, before, ZONE)
    assert "B. Volt" in page
    assert "cdcdcdcdcdcd" in page and "abababababab" in page


def test_the_pdf_holds_the_same():
    data = commissionpdf.document(PROTOCOL, None, ZONE)
    document = pypdf.PdfReader(io.BytesIO(data))
    text = " ".join(page.extract_text() for page in document.pages)
    whole = " ".join(text.split())
    for words in (*MUST_SAY, "Depot <West> & Öst", "follows after 12.0 s <= 10 s"):
        assert words in whole or words.replace(" ", "") in whole.replace(" ", ""), words
    assert document.metadata and document.metadata.title == "Commissioning of Depot <West> & Öst"


def test_a_run_without_curves_and_findings_makes_a_report_too():
    empty = Protocol("d", "d", "D", "0" * 64, "", 0, "0")
    assert "It can be resumed" not in commissionpage.page(empty, None, ZONE)
    assert "it can be resumed" in commissionpage.page(empty, None, ZONE)
    assert commissionpdf.document(empty, None, ZONE).startswith(b"%PDF")
