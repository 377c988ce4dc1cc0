"""A real browser: Debian's Chromium, driven by Playwright.  One for all tests, a fresh page for each."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.shell import passwords
from tests.fakes.remembered import remember
from tests.fakes.served import Served

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"]


@pytest.fixture(scope="module")  # Playwright runs an event loop in this thread: it must end with the file
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="needs playwright: pip install --editable '.[test]'"
    )
    if not CHROMIUM.exists():
        pytest.skip(f"needs {CHROMIUM}: apt-get install chromium")
    with playwright.sync_playwright() as p:
        found = p.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def served() -> Iterator[Served]:
    depot = Served()
    depot.tick(0)
    yield depot
    depot.close()


Open = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any) -> Iterator[Open]:
    """Give a function that opens the depot's page; at the end, no page may have complained of anything."""
    contexts, complaints = [], []

    def opened(depot: Served, width: int = 360, scheme: str = "light", path: str = "/", **more: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, **more)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(depot.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    # A cut connection is the network's complaint, not the page's.
    assert [c for c in complaints if "net::ERR_" not in c and "Failed to load resource" not in c] == []


PASSWORD = "seven yellow vans"


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Served]:
    """A depot with a day on its disk, a plan and a tariff; passwords are hashed cheaply."""
    monkeypatch.setattr(passwords, "COST", 16)
    monkeypatch.setattr(passwords, "TIMES", 1)
    depot = Served()
    depot.tick(0)
    remember(depot, tmp_path / "depot.db")
    yield depot
    depot.close()


def sign_in(page: Any, depot: Served, to: str = "/") -> None:
    """Make the first account, an administrator, as somebody at the gateway does; go to a page."""
    page.goto(f"{depot.url}/sign-in?to={to}")
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(f"{depot.url}{to}")
