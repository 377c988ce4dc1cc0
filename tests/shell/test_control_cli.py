"""`depot status`, `why`, `window`, `events` against a served control socket, and against a store alone."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli import main
from edge.cli.why import moment
from edge.model.records import Decision
from edge.shell import control
from edge.shell.statedir import CONTROL_SOCKET, STORE
from edge.shell.store import Store
from tests.fakes.depot_records import START_WALL_MS, ZONE
from tests.fakes.desk import Rig

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve a desk in a thread of its own, 25 s into the story: the utility's event holds."""
    monkeypatch.setenv("DEPOT_STATE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("edge.cli.why._now_ms", lambda: START_WALL_MS + 26_000)
    loop = asyncio.new_event_loop()
    started = threading.Event()
    serving: list[asyncio.Task[None]] = []

    async def serve() -> None:
        rig = Rig()
        for second in range(26):
            rig.tick(second)
        serving.append(asyncio.create_task(control.serve(rig.desk, tmp_path / CONTROL_SOCKET)))
        await asyncio.sleep(0.02)
        started.set()
        await asyncio.gather(*serving, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(5)
    yield tmp_path
    loop.call_soon_threadsafe(serving[0].cancel)
    thread.join(5)
    loop.close()


def test_status_fits_eighty_columns_and_names_what_matters(state: Path, capsys: Capture) -> None:
    assert main(["status"]) == 0
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()) <= 80
    for words in (
        "Harbour Street depot  14:03:37  0 s old",
        "price: 0.20199 USD/kWh until 16:00",
        "event: peak save: at most 40.0 kW, 14:03 to 16:03, holds now",
        "\n panel-a ",
        "\nbay-5    no vehicle",
    ):
        assert words in text


def test_json_is_one_document(state: Path, capsys: Capture) -> None:
    for command in (["status"], ["why", "bay-3"], ["events"], ["window", "list"]):
        assert main([*command, "--json"]) == 0
        captured = capsys.readouterr()
        assert json.loads(captured.out) and captured.err == ""


def test_why_now_and_then(state: Path, capsys: Capture) -> None:
    assert main(["why", "bay-3"]) == 0
    assert "bay-3 gets 8 A because main L2 is full: event peak save" in capsys.readouterr().out.replace(
        "\n", " "
    )
    assert main(["why", "bay-3", "--at", "14:03:20"]) == 0
    assert "bay-3 gets 12 A because panel-a L2 is full" in capsys.readouterr().out
    assert main(["why", "bay-3", "--at", "13:00"]) == 1
    assert "nothing is recorded of bay-3 at or before 13:00" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["why", "bay-9"], "there is no 'bay-9' on this site; expected one of bay-1, "),
        (["why", "bay-1", "--at", "tea time"], "--at 'tea time': expected HH:MM"),
        (["why", "bay-1", "--at", "2031-01-01 00:00"], "still to come"),
        (["window", "remove", "x"], "there is no window 'x'"),
        (
            ["window", "add", "bay-1", "--from", "1", "--ready-by", "06:00", "--need-kwh", "4"],
            "from: '1': expected",
        ),
        (["events", "opt-out", "x", "--reason", "y"], "there is no event 'x'"),
        (["status", "--state", "/nonexistent"], "no daemon answers at /nonexistent/control.sock"),
    ],
)
def test_a_wrong_call_says_what_was_expected(
    state: Path, capsys: Capture, words: list[str], says: str
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("depot: ") and says in captured.err and captured.out == ""


def test_windows_come_and_go(state: Path, capsys: Capture) -> None:
    add = ["window", "add", "bay-2", "--from", "18:00", "--ready-by", "06:00", "--days", "mon-fri"]
    assert main([*add, "--need-kwh", "400", "--vehicle", "van 13", "--id", "van-13"]) == 0
    captured = capsys.readouterr()
    assert "added van-13: bay-2 for van 13: mon–fri 18:00 to 06:00, 400.0 kWh, priority 0" in captured.out
    assert "400.0 kWh cannot be had: bay-2 gives at most 88.3 kWh" in captured.err
    assert main(["window", "list"]) == 0
    assert "van-13" in capsys.readouterr().out
    assert main(["window", "remove", "van-13"]) == 0
    assert "removed van-13" in capsys.readouterr().out


def test_opting_out_before_and_after_the_word(state: Path, capsys: Capture) -> None:
    assert main(["events", "--json", "opt-out", "ev-17", "--reason", "ambulances"]) == 0
    assert json.loads(capsys.readouterr().out)["opted_out"] == "ambulances"
    assert main(["events", "opt-in", "ev-17", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["opted_out"] == ""


def test_opting_out_of_all(state: Path, capsys: Capture) -> None:
    assert main(["events", "opt-out", "--all", "--reason", "flood"]) == 0
    assert capsys.readouterr().out == "all events are not obeyed: flood\n"
    assert main(["events", "opt-in", "--all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["words"] == "all events are obeyed again"
    assert main(["events", "opt-in", "--program", "peak"]) == 2
    assert "nobody has opted out of all events of program peak" in capsys.readouterr().err


def test_a_site_without_limits_of_the_grid_operator_says_so(state: Path, capsys: Capture) -> None:
    assert main(["grid"]) == 0
    assert capsys.readouterr().out == "the site file has no limit of the grid operator\n"
    assert main(["grid", "reset", "mil"]) == 2
    assert "there is no limit 'mil' with a lockout" in capsys.readouterr().err
    for wrong in (["--limit-kw", "much"], ["--limit-kw", "-1"], ["--for-s", "0"]):
        assert main(["grid", "beat", "box", *wrong]) == 2
        assert "expected" in capsys.readouterr().err


def test_yesterdays_why_needs_no_daemon(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.cli.why._now_ms", lambda: START_WALL_MS + 86_400_000)
    store = Store(tmp_path / STORE, "boot")
    store.keep(Decision(START_WALL_MS, "bay-3", 12_000, "panel-a L2 is full", 16_000, "needs 9 kWh"))
    store.commit()
    store.close()
    ask = ["why", "bay-3", "--state", str(tmp_path), "--json", "--at"]
    assert main([*ask, "2026-11-20T22:03:12Z"]) == 0
    why = json.loads(capsys.readouterr().out)
    assert (why["source"], why["granted_ma"], why["because"]) == ("store", 12_000, "panel-a L2 is full")
    assert main([*ask, "2026-11-20T22:03:11Z"]) == 1
    assert "nothing is recorded of bay-3" in capsys.readouterr().err
    assert main(["why", "bay-3", "--state", str(tmp_path)]) == 2
    assert "--at TIME looks it up in the store" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "seconds_ago"),
    [
        ("14:03", 12),
        ("14:03:12", 0),
        ("14:04", 86_400 - 48),  # still to come today: yesterday's
        ("9:03:12", 5 * 3600),
        ("yesterday 14:03:12", 86_400),
        ("2026-11-20 14:03:02", 10),
        ("2026-11-20T22:03:02Z", 10),
        ("2026-11-20T23:03:02+01:00", 10),
    ],
)
def test_a_time_as_people_write_it(typed: str, seconds_ago: int) -> None:
    assert moment(typed, ZONE, START_WALL_MS) == START_WALL_MS - seconds_ago * 1000


FILE = """id,charger,from,ready_by,need_kwh,days
a,bay-4,18:00,06:00,40,mon-fri
b,bay-5,18:00,06:00,{need},mon-fri
"""


def test_windows_of_a_file_are_previewed_and_then_added_all_or_none(
    state: Path, capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "vans.csv"
    file.write_text(FILE.format(need="lots"))
    before = json.loads(shown(capsys, ["window", "list", "--json"]))
    assert main(["window", "import", str(file), "--apply"]) == 1
    said = capsys.readouterr()
    assert "line 2: would be added: bay-4: mon–fri 18:00 to 06:00, 40.0 kWh" in said.out
    assert "line 3: refused: need: 'lots': expected an energy in kWh" in said.out
    assert "1 of 2 refused; nothing was added" in said.err
    file.write_text(FILE.format(need="30"))
    assert main(["window", "import", str(file)]) == 0
    assert "2 windows; --apply adds them" in capsys.readouterr().err
    assert json.loads(shown(capsys, ["window", "list", "--json"])) == before
    assert main(["window", "import", str(file), "--apply", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["applied"] is True
    assert [w["what"] for w in told["windows"]] == ["added", "added"]
    ids = [w["id"] for w in json.loads(shown(capsys, ["window", "list", "--json"]))]
    assert {"a", "b"} <= set(ids)
    assert main(["window", "import", str(file)]) == 0
    assert "line 2: would be replaced" in capsys.readouterr().out
    assert main(["window", "import", str(tmp_path / "none.csv")]) == 2


def shown(capsys: Capture, words: list[str]) -> str:
    assert main(words) == 0
    return capsys.readouterr().out


def test_a_need_may_be_a_distance_or_a_state_of_charge(state: Path, capsys: Capture) -> None:
    times = ["--from", "09:00", "--ready-by", "10:00", "--dates", "2026-12-24"]
    said = shown(capsys, ["window", "add", "bay-5", *times, "--km", "20", "--kwh-per-km", "0.2"])
    assert "bay-5: 2026-12-24 09:00 to 10:00, 4.0 kWh" in said
    more = ["--soc", "80", "--battery-kwh", "10", "--id", "x"]
    said = shown(capsys, ["window", "add", "bay-6", *times, *more])
    assert "80 % of 10.0 kWh" in said
    assert "80 %" in shown(capsys, ["window", "list"])
