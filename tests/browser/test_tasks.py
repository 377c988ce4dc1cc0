"""What people come to the page for, in a real browser: set a window, opt out of an event, download the month.

What came of it is read from the depot's store and disk, not from the page.
"""

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest

from edge.model.flow import OptOut, WindowSet
from edge.web.page import PAGES
from edge.web.sentences import said
from edge.web.texts import catalogue, speaking
from tests.browser.conftest import Open, sign_in
from tests.browser.test_page import axe_source
from tests.fakes.remembered import AUDIT_LINES, SESSIONS
from tests.fakes.served import Served

WIDTHS = (360, 1440)
WAIT_MS = 10_000


def reads(page: Any, selector: str, text: str) -> None:
    """Wait until an element reads so."""
    page.wait_for_function(
        "([s, t]) => document.querySelector(s)?.textContent.includes(t)",
        arg=[selector, text],
        timeout=WAIT_MS,
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_set_a_window(recorded: Served, open_page: Open, width: int) -> None:
    page = open_page(recorded, width=width)
    sign_in(page, recorded, "/windows")
    page.select_option("[name=charger]", "bay-2")
    page.fill("[name=vehicle]", "van 99")
    page.fill("[name=from_time]", "19:30")
    page.fill("[name=ready_by]", "05:15")
    page.fill("[name=need_kwh]", "30")
    page.uncheck("[name=days][value=sun]")
    assert not page.locator("[data-save]").is_visible()
    page.click("[data-part]")
    reads(page, "#consequence", "bay-2 for van 99: mon–sat 19:30 to 05:15, 30.0 kWh")
    assert recorded.rig.store.kept == {}, "a look saves nothing"
    page.fill("[name=need_kwh]", "31")
    assert not page.locator("[data-save]").is_visible(), "what has changed must be looked at again"
    page.click("[data-part]")
    page.wait_for_selector("[data-save]:visible")
    page.click("[data-save]")
    reads(page, "#known", "bay-2 · van 99")
    (window,) = recorded.rig.store.kept.values()
    assert (window.charger, window.vehicle, window.need_wh) == ("bay-2", "van 99", 31_000)
    assert (window.from_min, window.ready_by_min) == (19 * 60 + 30, 5 * 60 + 15)
    assert window.days == ("mon", "tue", "wed", "thu", "fri", "sat")
    assert [type(said_) for said_ in recorded.rig.said] == [WindowSet]
    assert ("admin", "window for bay-2", "done") in recorded.rig.store.audited


def test_change_except_and_remove_a_window(recorded: Served, open_page: Open) -> None:
    page = open_page(recorded)
    sign_in(page, recorded, "/windows")
    page.select_option("[name=charger]", "bay-2")
    page.fill("[name=need_kwh]", "30")
    page.click("[data-part]")
    page.click("[data-save]")
    page.click("a:has-text('Change')")
    assert page.input_value("[name=need_kwh]") == "30"
    page.fill("[name=ready_by]", "07:00")
    page.click("[data-part]")
    page.click("[data-save]")
    reads(page, "#known", "18:00 – 07:00")
    page.click("#known summary")
    page.fill("[name=dates][type=date]", "2026-12-24")
    page.click("#known form [type=submit]:has-text('Add')")
    reads(page, "#known", "except 2026-12-24")
    (window,) = recorded.rig.store.kept.values()
    assert (window.ready_by_min, window.not_on) == (7 * 60, ("2026-12-24",))
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("#known button:has-text('Remove')")
    page.wait_for_function("() => !document.querySelector('#known').textContent.includes('bay-2')")
    assert recorded.rig.store.kept == {}


def test_what_cannot_be_is_said_and_not_saved(recorded: Served, open_page: Open) -> None:
    page = open_page(recorded, locale="de")
    sign_in(page, recorded, "/windows")
    page.fill("[name=from_time]", "18:00")  # bay-1 has a window in the site file
    page.fill("[name=need_kwh]", "30")
    page.click("[data-part]")
    reads(page, "#consequence .bad", "bay-1 hat an einigen dieser Tage schon das Fenster night-1")
    assert not page.locator("[data-save]").is_visible()


def test_draw_a_window_on_the_day(recorded: Served, open_page: Open) -> None:
    page = open_page(recorded, width=1440)
    sign_in(page, recorded, "/day")
    lane = page.locator(".lane[data-charger=bay-5]")
    lane.scroll_into_view_if_needed()
    box = lane.locator(".lane-track").bounding_box()
    span = page.eval_on_selector("svg.day-plan", "e => [Number(e.dataset.from), Number(e.dataset.to)]")

    def x(hour: float) -> float:
        return float(box["x"] + box["width"] * hour * 3_600_000 / (span[1] - span[0]))

    page.mouse.move(x(18), box["y"] + 5)
    page.mouse.down()
    page.mouse.move(x(25), box["y"] + 5, steps=4)
    page.mouse.move(x(30), box["y"] + 5)
    page.mouse.up()
    page.wait_for_url("**/windows?charger=bay-5*")
    values = [page.input_value(f"[name={name}]") for name in ("charger", "from_time", "ready_by")]
    assert values == ["bay-5", "18:00", "06:00"]


def test_import_windows_with_a_look_before(recorded: Served, open_page: Open, tmp_path: Path) -> None:
    page = open_page(recorded)
    sign_in(page, recorded, "/windows")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("charger,from,ready_by,need_kwh\nbay-2,18:00,06:00,20\nbay-99,18:00,06:00,20\n")
    page.set_input_files("#import-file", str(wrong))
    reads(page, "#import-result", "1 line is refused")
    reads(page, "#import-result", "there is no 'bay-99'")
    assert not page.locator("#import-apply").is_visible()
    right = tmp_path / "right.csv"
    right.write_text("charger,from,ready_by,need_kwh\nbay-2,18:00,06:00,20\nbay-3,18:00,06:00,25\n")
    page.set_input_files("#import-file", str(right))
    reads(page, "#import-result", "2 windows can be imported")
    assert recorded.rig.store.kept == {}
    page.click("#import-apply")
    reads(page, "#known", "bay-3")
    assert {w.charger: w.need_wh for w in recorded.rig.store.kept.values()} == {
        "bay-2": 20_000,
        "bay-3": 25_000,
    }


@pytest.mark.parametrize("width", WIDTHS)
def test_opt_out_of_an_event(recorded: Served, open_page: Open, width: int) -> None:
    page = open_page(recorded, width=width)
    sign_in(page, recorded, "/events")
    page.click("#coming summary")
    page.fill("[name=reason]", "vans must leave at four")
    page.click("#coming form [type=submit]")
    reads(page, "#coming", "opted out: vans must leave at four")
    assert recorded.rig.store.opted_out == {"ev-17": "vans must leave at four"}
    assert [said_.back_in for said_ in recorded.rig.said if isinstance(said_, OptOut)] == [False]
    page.click("#coming button:has-text('Obey it after all')")
    page.wait_for_function("() => !document.querySelector('#coming').textContent.includes('opted out')")
    assert recorded.rig.store.opted_out == {}


@pytest.mark.parametrize("width", WIDTHS)
def test_download_the_month(recorded: Served, open_page: Open, width: int) -> None:
    page = open_page(recorded, width=width, path="/reports")
    assert "Reports of 2026-11" in page.inner_text("h1")
    reads(page, "#sessions", "2 sessions, 53.0 kWh")
    with page.expect_download() as waiting:
        page.click("#sessions a:has-text('CSV')")
    assert waiting.value.suggested_filename == "sessions-demo-2026-11.csv"
    rows = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text())))
    assert [(row["charger"], int(row["energy_wh"])) for row in rows] == [
        (s.charger, s.energy_wh) for s in SESSIONS
    ]
    for part in ("indicators", "uptime", "bill"):
        assert page.locator(f"#{part} tbody tr").count() > 0, part


def test_who_may_not_write_sees_no_forms(recorded: Served, open_page: Open) -> None:
    for path in ("/windows", "/events", "/settings", "/devices"):
        page = open_page(recorded, path=path)
        assert page.locator("form[data-send]").count() == 0, path
    page = open_page(recorded, path="/windows")
    page.click("main a:has-text('Sign in')")
    page.fill("[name=password]", "seven yellow vans")
    page.click("button[type=submit]")
    page.wait_for_url("**/windows")
    assert page.locator("#window-form").is_visible()


def test_the_log_goes_back_and_is_searched(recorded: Served, open_page: Open) -> None:
    page = open_page(recorded)
    sign_in(page, recorded, "/log")
    assert "line 69" in page.locator("tbody tr").first.inner_text()
    page.click("a:has-text('Older')")
    assert page.locator("tbody tr").count() == AUDIT_LINES - 50
    page.fill("[name=text]", "planner")
    page.click("button[type=submit]")
    assert set(page.locator("tbody td:nth-child(2)").all_inner_texts()) == {"planner"}


def test_accounts_tokens_and_looks(recorded: Served, open_page: Open) -> None:
    page = open_page(recorded)
    sign_in(page, recorded, "/settings")
    page.click("#users summary")
    page.fill("#users [name=name]", "ada")
    page.select_option("#users [name=role]", "fleet")
    page.fill("#users [name=password]", "four green busses")
    page.click("#users [type=submit]:has-text('Add')")
    reads(page, "#users", "ada")
    assert {u.name: u.role for u in recorded.rig.desk.reception.accounts.users()}["ada"] == "fleet"
    page.click("#tokens summary")
    page.fill("#tokens [name=name]", "dashboard")
    page.click("#tokens [type=submit]")
    page.wait_for_selector("#tokens .notice.good")
    secret = page.inner_text("#tokens .notice.good")
    assert recorded.rig.desk.reception.bearer(secret, "127.0.0.1").name == "dashboard"
    page.click("#look a:has-text('dark')")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 20, 18)"


@pytest.mark.timeout(400)  # eight pages each, on a busy machine
@pytest.mark.parametrize(("width", "scheme", "locale"), [(360, "dark", "de"), (1440, "light", "en")])
def test_axe_finds_nothing_on_any_page(
    recorded: Served, open_page: Open, width: int, scheme: str, locale: str
) -> None:
    """WCAG 2.2 A and AA, as far as a machine can tell; signed in, so that all forms are there."""
    page = open_page(recorded, width=width, scheme=scheme, locale=locale, path="/sign-in", bypass_csp=True)
    found = {"/sign-in": problems(page)}
    sign_in(page, recorded)
    for path in PAGES.values():
        page.goto(recorded.url + path)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        found[path] = problems(page)
    assert {path: problems_ for path, problems_ in found.items() if problems_} == {}


def problems(page: Any) -> list[Any]:
    page.evaluate(axe_source())
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("tags => axe.run(document, {runOnly: tags})", tags)
    assert found["passes"], "axe has looked at nothing"
    return [(v["id"], [n["target"] for n in v["nodes"]][:3], v["help"]) for v in found["violations"]]


@pytest.mark.timeout(400)  # eight pages each, on a busy machine
def test_no_page_is_wider_than_the_screen(recorded: Served, open_page: Open) -> None:
    page = open_page(recorded, locale="de")  # the longer words
    sign_in(page, recorded)
    for path in PAGES.values():
        page.goto(recorded.url + path)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        for width in (320, 360, 768, 1024, 1440):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)


@pytest.mark.timeout(400)  # eight pages each, on a busy machine
def test_a_german_page_has_no_english_left(recorded: Served, open_page: Open) -> None:
    """No text of the English catalogue that German says otherwise stands on a German page."""
    english, german = catalogue("en"), catalogue("de")
    page = open_page(recorded, locale="de")
    sign_in(page, recorded)
    looked = 0
    for path in PAGES.values():
        page.goto(recorded.url + path)
        shown = " ".join(page.locator("body").text_content().split())
        for key, text in english.items():
            if not isinstance(text, str) or text == german[key] or len(text) < 7:
                continue
            plain = re.escape(text)
            pattern = r"\b" + re.sub(r"\\\{\w+\\\}", ".{1,60}?", plain) + r"(?!\w)"
            if "{" not in text and text not in str(german.values()):
                looked += 1
                assert not re.search(pattern, shown), (path, key, text)
    assert looked > 500


PAIRS = (
    (
        "panel-a L2 is full: breaker 63 A, other load 8.5 A; asks for 16 A",
        "panel-a L2 ist voll: Sicherung 63 A, andere Last 8,5 A; möchte 16 A",
    ),
    (
        "main L1 has no room for the minimum: utility event Feeder relief, 26.5 kW until 06:33, "
        "other load 30.2 A",
        "main L1 hat keinen Platz für den Mindeststrom: Ereignis Feeder relief des Netzbetreibers, 26,5 kW "
        "bis 06:33, andere Last 30,2 A",
    ),
    (
        "ready by Sat 06:00, 31.4 kWh to go, at risk",
        "fertig bis Sa 06:00, noch 31,4 kWh, gefährdet",
    ),
    (
        "it can have at most 30.0 kWh of 40.0 kWh: panel-a L2 is full; would help: ready by about 07:10, or "
        "2.0 kWh less, or a higher priority",
        "es kann höchstens 30,0 kWh von 40,0 kWh bekommen: panel-a L2 ist voll; helfen würde: fertig gegen "
        "07:10, oder 2,0 kWh weniger, oder eine höhere Priorität",
    ),
    (
        "breaker 63 A, meter silent: other load counted as 40 A",
        "Sicherung 63 A, Zähler stumm: andere Last zählt mit 40 A",
    ),
    ("something that nobody has foreseen: 12.5 A", "something that nobody has foreseen: 12,5 A"),
)


@pytest.mark.parametrize(("english", "german"), PAIRS)
def test_the_daemons_sentences_in_german(english: str, german: str) -> None:
    with speaking("de"):
        assert said(english) == german
    assert said(english) == english


def test_no_sentence_takes_long(recorded: Served) -> None:
    """A name from outside may look like any pattern, many times over."""
    with speaking("de"):
        for text in (
            "a: b, c: d, " * 60,
            "is full: " * 80,
            "{why} to {until}, " * 40,
            "; ".join(["x"] * 200),
        ):
            assert said(text)
