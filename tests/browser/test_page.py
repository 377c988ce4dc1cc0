"""The page in a real browser: what it shows, that it follows every tick, and what it says when it cannot."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.model.records import Decision
from tests.browser.conftest import Open
from tests.fakes.depot_records import START_WALL_MS, record, site
from tests.fakes.served import Served

LIVE_MS = 5_000
PHONE, DESK = ".single-line.phone-only", ".single-line.desk-only"


def is_live(page: Any) -> None:
    page.wait_for_selector("body[data-live-state=live]", timeout=LIVE_MS)


def text_of(page: Any, selector: str) -> str:
    return re.sub(r"\s+", " ", page.inner_text(selector)).strip()


def shows(page: Any, selector: str, text: str) -> None:
    """Wait until an element reads so."""
    page.wait_for_function(
        "([s, t]) => document.querySelector(s)?.textContent.includes(t)",
        arg=[selector, text],
        timeout=LIVE_MS,
    )


def test_the_tree_with_bars_numbers_and_reasons(served: Served, open_page: Open) -> None:
    page = open_page(served)
    drawn = page.locator(PHONE)
    assert drawn.is_visible() and not page.locator(DESK).is_visible()
    assert drawn.locator(".node .name").all_text_contents() == ["main", "panel-a", "panel-b"]
    assert drawn.locator(".node .bar").count() == 9
    panel = drawn.locator(".node").nth(1)
    assert "L2 full; limit: breaker 63 A" in panel.text_content()
    assert panel.locator(".amps").all_text_contents() == [
        "6 + 28 / 63 A",
        "19 + 44 / 63 A",
        "5 + 28 / 63 A",
    ]
    # The bar is the numbers: what charges begins where the other load ends, up to the limit's line.
    boxes = {
        k: panel.locator(f".bar >> nth=1 >> rect.{k}").bounding_box() for k in ("other", "charge", "limit")
    }
    bar = panel.locator(".bar >> nth=1 >> .track").bounding_box()
    per_amp = bar["width"] / (63 * 1.1)
    assert boxes["other"]["width"] == pytest.approx(18.7 * per_amp, abs=1.5)
    assert boxes["charge"]["x"] == pytest.approx(boxes["other"]["x"] + boxes["other"]["width"], abs=1)
    assert boxes["charge"]["width"] == pytest.approx(44 * per_amp, abs=1.5)
    assert boxes["limit"]["x"] == pytest.approx(bar["x"] + 63 * per_amp, abs=1.5)


def test_every_charger_has_a_card_with_state_amps_reason_and_promise(served: Served, open_page: Open) -> None:
    page = open_page(served)
    cards = page.locator(".card")
    assert cards.count() == 6
    assert re.sub(r"\s+", " ", cards.nth(2).inner_text()).startswith(
        "Bay 3 van 14 L1 L2 L3 charging gets 12 A draws 8.1 kW so far 6.8 kWh "
        "panel-a L2 is full: breaker 63 A, other load 8 A; asks for 16 A "
        "ready by Sat 06:00, 31.4 kWh to go, at risk"
    )
    states = [re.sub(r"^\W+", "", s) for s in page.locator(".card .state").all_inner_texts()]
    assert states == ["charging", "charging", "charging", "vehicle connected", "no vehicle", "not answering"]


def test_the_day_shows_prices_with_values_the_event_and_now(served: Served, open_page: Open) -> None:
    page = open_page(served, width=1440)
    assert "0.41522" in page.locator("svg.day .value").all_text_contents()
    assert page.locator("svg.day .event-text").all_text_contents() == ["≤ 40.0 kW"]
    assert page.locator("svg.day .now text").text_content() == "now 14:03"
    # Two hours and three minutes of twenty-four lie before now.
    picture, line = (page.locator(s).bounding_box() for s in ("svg.day", "svg.day .now line"))
    assert (line["x"] - picture["x"]) / picture["width"] == pytest.approx(2.05 / 24, abs=0.004)
    said = page.locator(".day-list li").all_text_contents()
    assert said[0] == "peak save: at most 40.0 kW, 14:03 to 16:03, to come"
    assert "16:00 to 21:00: 0.41522 USD/kWh" in said


def test_it_follows_every_tick(served: Served, open_page: Open) -> None:
    page = open_page(served)
    is_live(page)
    assert text_of(page, "#at-bay-1 dd") == "16 A"
    served.tick(25)
    shows(page, "#at-bay-1 dd", "8 A")
    assert text_of(page, "[data-live=time]") == "14:03:37"
    assert "peak save: at most 40.0 kW" in text_of(page, ".event-banner")
    shows(page, ".day-list", "holds now")  # the picture was fetched again
    assert "main L2 is full: event peak save" in text_of(page, "#at-bay-1 .reason")
    served.tick(55)
    shows(page, "#at-bay-1 dd", "16 A")
    assert not page.locator(".event-banner").is_visible()


def test_a_page_that_missed_ticks_catches_up(served: Served, open_page: Open) -> None:
    page = open_page(served)
    is_live(page)
    for second in range(1, 60):
        served.tick(second)
    shows(page, "[data-live=time]", "14:04:11")
    fresh = open_page(served)
    for key in ("#at-bay-3 dl", PHONE, ".sums", "#at-bay-1 .ready"):
        assert page.locator(key).text_content() == fresh.locator(key).text_content()


def test_data_that_grows_old_is_said_to_be_old(served: Served, open_page: Open) -> None:
    page = open_page(served)
    is_live(page)
    page.wait_for_selector("body[data-live-state=old]", timeout=6_000)
    assert re.fullmatch(r"\d+ s old", text_of(page, "#age"))
    served.tick(1)
    is_live(page)


def test_a_lost_connection_is_said_and_comes_back(served: Served, open_page: Open) -> None:
    page = open_page(served)
    is_live(page)
    served.cut()
    page.wait_for_selector("#lost:visible", timeout=LIVE_MS)
    assert text_of(page, "#age") == "Connection lost since 14:03:12"
    assert text_of(page, "#lost").startswith("Connection lost. This is the depot as of 14:03:12, ")
    assert text_of(page, "#spoken") == "Connection lost since 14:03:12"
    served.connect()
    served.tick(25)
    page.wait_for_selector("body[data-live-state=live]", timeout=10_000)
    shows(page, "#at-bay-1 dd", "8 A")
    assert not page.locator("#lost").is_visible()


def test_a_page_that_nobody_sees_holds_no_line(served: Served, open_page: Open) -> None:
    page = open_page(served)
    is_live(page)
    hide = (
        "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }"
    )
    page.evaluate(hide, True)
    served.tick(25)
    page.wait_for_timeout(300)
    assert text_of(page, "[data-live=time]") == "14:03:12"
    page.evaluate(hide, False)
    shows(page, "[data-live=time]", "14:03:37")
    is_live(page)


def test_another_drawing_of_the_site_makes_another_page(served: Served, open_page: Open) -> None:
    page = open_page(served)
    is_live(page)
    served.cut()
    served.site = site(5)
    served.connect()
    served.tick(0)
    page.wait_for_selector("#at-bay-6", state="detached", timeout=10_000)
    assert page.locator(".card").count() == 5


def test_why_is_one_touch_away(served: Served, open_page: Open) -> None:
    page = open_page(served)
    page.click("#at-bay-3 dd .why")
    shows(page, "#dialog", "Why 12 A at 14:03:12? Bay 3")
    shows(page, "#dialog", "bay-3 gets 12 A because panel-a L2 is full")
    shows(page, "#dialog", "It can get more when")
    assert page.locator("#dialog tbody tr").all_inner_texts()[0].split("\t") == [
        "panel-a L2", "63 A", "breaker 63 A", "18.7 A", "44 A (3)", "full",
    ]  # fmt: skip
    page.click("#dialog [data-close]")
    assert not page.locator("#dialog").is_visible()


def test_why_then_and_yesterday(served: Served, open_page: Open) -> None:
    """The last quarter of an hour second by second; before that, every change of what a charger got."""
    yesterday = START_WALL_MS - 24 * 3_600_000
    served.rig.store.decided += [
        Decision(yesterday - 90_000, "bay-3", 6_000, "breaker 63 A", 16_000, "needs 20.0 kWh by 06:00"),
        Decision(yesterday - 600_000, "bay-3", 16_000, "gets all that it can use", 16_000, ""),
    ]
    for second in range(1, 31):
        served.tick(second)
    page = open_page(served)
    page.click(f"{PHONE} .tile >> nth=2")
    shows(page, "#dialog", "Why 8 A at 14:03:42")
    page.fill("#dialog [name=at]", "2026-11-20T14:03:17")
    page.click("#dialog button[type=submit]")
    shows(page, "#dialog", "Why 12 A at 14:03:17")
    page.fill("#dialog [name=at]", "2026-11-20T14:03:42")
    page.click("#dialog button[type=submit]")
    page.click("#dialog a:has-text('the day before')")
    shows(page, "#dialog", "Why 6 A at Thu 14:01:42? Bay 3")
    assert page.locator("#dialog table tbody tr").count() == 2
    page.fill("#dialog [name=at]", "2026-11-01T00:00:00")
    page.click("#dialog button[type=submit]")
    shows(page, "#dialog .notice.bad", "nothing is recorded of bay-3")


def test_why_of_a_breaker(served: Served, open_page: Open) -> None:
    page = open_page(served)
    page.click(f"{PHONE} .node-link >> nth=1")
    shows(page, "#dialog", "panel-a at 14:03:12")
    rows = [row.split("\t") for row in page.locator("#dialog tbody tr").all_inner_texts()]
    assert rows[1] == ["L2", "63 A", "breaker 63 A", "63 A", "18.7 A", "44 A", "62.3 A", "0.3 A"]


def test_why_is_a_page_where_there_are_no_scripts(served: Served, open_page: Open) -> None:
    page = open_page(served, java_script_enabled=False)
    page.click("#at-bay-3 dd .why")
    assert "Why 12 A" in text_of(page, "h1")
    page.fill("[name=at]", "2026-11-20T14:03:13")
    page.click("button[type=submit]")
    assert page.url.endswith("/why?charger=bay-3&at=2026-11-20T14%3A03%3A13")


def test_in_german_everything_is(served: Served, open_page: Open) -> None:
    page = open_page(served, width=1440, locale="de")
    is_live(page)
    assert page.locator("html").get_attribute("lang") == "de"
    assert text_of(page, "#at-bay-3 .reason") == (
        "panel-a L2 ist voll: Sicherung 63 A, andere Last 8 A; möchte 16 A"
    )
    assert text_of(page, "#at-bay-3 .ready").endswith("fertig bis Sa 06:00, noch 31,4 kWh, gefährdet")
    served.tick(25)
    shows(page, "#at-bay-3 .reason", "main L2 ist voll: Ereignis peak save bis 16:03, andere Last 41 A")
    shows(page, ".event-banner", "höchstens 40,0 kW")
    page.click("footer a[lang=en]")
    assert text_of(page, "h1") == "Now"
    page.reload()
    assert page.locator("html").get_attribute("lang") == "en"


def test_chargers_may_have_any_name(open_page: Open) -> None:
    drawn = site()
    names = {"bay-1": "day", "bay-2": "chargers", "bay-3": "age", "bay-4": "lost"}

    def named(known: str) -> str:
        return names.get(known, known)

    chargers = tuple(msgspec.structs.replace(c, id=named(c.id)) for c in drawn.chargers)
    depot = Served(msgspec.structs.replace(drawn, chargers=chargers))
    try:
        made = record(drawn, 0)
        now = [msgspec.structs.replace(c, id=named(c.id)) for c in made.chargers]
        depot.feed(msgspec.structs.replace(made, chargers=now), 0)
        page = open_page(depot)
        is_live(page)
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
        assert page.locator(".card").count() == 6 and page.locator("svg.day").is_visible()
    finally:
        depot.close()


def test_a_violation_and_a_silent_meter_cannot_be_overlooked(served: Served, open_page: Open) -> None:
    page = open_page(served)
    is_live(page)
    made = record(served.site, 3)
    nodes = [msgspec.structs.replace(n, flowing_ma=None) if n.id == "panel-b" else n for n in made.nodes]
    fallback = "meter silent at panel-b: fallback currents"
    served.feed(msgspec.structs.replace(made, nodes=nodes, fallback=fallback), 3)
    shows(page, ".alert-banner", fallback)
    assert page.locator(".alert-banner").is_visible()
    assert "meter silent" in text_of(page, ".node[data-state=silent] .node-words")


def test_what_is_measured_above_the_limit_is_shown_and_said(served: Served, open_page: Open) -> None:
    page = open_page(served)
    is_live(page)
    made = record(served.site, 3)
    flowing = (70_000, 40_000, 30_000)
    nodes = [msgspec.structs.replace(n, flowing_ma=flowing) if n.id == "panel-b" else n for n in made.nodes]
    served.feed(msgspec.structs.replace(made, nodes=nodes), 3)
    shows(page, ".node[data-state=over] .node-words", "L1 above the limit: charging goes down")
    panel = page.locator(f"{PHONE} .node").nth(2)
    assert "measured 70 · 40 · 30 A" in panel.text_content()
    bar, mark = (panel.locator(f"{s} >> nth=1").bounding_box() for s in (".track", ".flowing path"))
    middle = mark["x"] + mark["width"] / 2
    assert (middle - bar["x"]) / bar["width"] == pytest.approx(40 / (63 * 1.1), abs=0.01)


def test_names_from_outside_stay_text(served: Served, open_page: Open) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    made = record(served.site, 25)
    events = [msgspec.structs.replace(made.events[0], name=evil)]
    chargers = [msgspec.structs.replace(c, vehicle=evil, because=evil) for c in made.chargers]
    served.feed(msgspec.structs.replace(made, events=events, chargers=chargers), 25)
    page = open_page(served)
    is_live(page)
    served.feed(
        msgspec.structs.replace(made, events=events, chargers=chargers, wall_ms=made.wall_ms + 60_000), 85
    )
    shows(page, "[data-live=time]", "14:04:37")
    assert page.title() == "Now · Harbour Street depot · depot-edge"
    assert page.locator("main img, main script, .banner img").count() == 0
    assert evil in text_of(page, ".event-banner")


@pytest.mark.parametrize("bays", [6, 60])
def test_nothing_is_wider_than_the_screen(open_page: Open, bays: int) -> None:
    depot = Served(site(bays))
    try:
        depot.tick(25)
        page = open_page(depot)
        is_live(page)
        for width in (320, 360, 768, 1024, 1440):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, width
            for selector in (".card", ".node", "header", ".amps", ".card dd", ".card dt"):
                wide = page.evaluate(
                    "s => [...document.querySelectorAll(s)].filter(e => e.scrollWidth > e.clientWidth + 1"
                    " && getComputedStyle(e).display !== 'inline').length",
                    selector,
                )
                assert wide == 0, (width, selector)
    finally:
        depot.close()


def test_without_scripts_it_shows_the_moment(served: Served, open_page: Open) -> None:
    page = open_page(served, java_script_enabled=False)
    assert text_of(page, "#age") == "as of 14:03:12"
    assert "reload it for another" in text_of(page, ".top")
    assert text_of(page, "#at-bay-3 dd") == "12 A"


def test_it_says_what_it_is_not(served: Served, open_page: Open) -> None:
    page = open_page(served)
    assert "Not a listed energy-management or power-control system" in text_of(page, "footer")


def axe_source() -> str:
    axe = pytest.importorskip("axe_playwright_python", reason="needs axe: pip install --editable '.[test]'")
    return (Path(axe.__file__).parent / "axe.min.js").read_text()


@pytest.mark.parametrize(
    ("width", "scheme", "moment"),
    [
        (360, "light", "live"),
        (360, "dark", "lost"),
        (1440, "light", "lost"),
        (1440, "dark", "live"),
    ],
)
def test_axe_finds_nothing(served: Served, open_page: Open, width: int, scheme: str, moment: str) -> None:
    """WCAG 2.2 A and AA, as far as a machine can tell: axe-core's rules."""
    served.tick(25)
    page = open_page(served, width=width, scheme=scheme)
    is_live(page)
    page.click("#at-bay-3 dd .why")
    shows(page, "#dialog", "Why 8 A")
    if moment == "lost":
        served.cut()
        page.wait_for_selector("#lost:visible", timeout=LIVE_MS)
    page.evaluate(axe_source())
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("tags => axe.run(document, {runOnly: tags})", tags)
    assert found["passes"], "axe has looked at nothing"
    problems = [(v["id"], [n["target"] for n in v["nodes"]][:3], v["help"]) for v in found["violations"]]
    assert problems == []
