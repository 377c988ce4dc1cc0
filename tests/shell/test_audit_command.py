"""`depot audit` reads what the daemon's store has written down, in the site's time."""

import json

import pytest

from edge.cli import main
from edge.shell.store import Store

NOON_UTC_MS = 1_793_534_400_000  # 2026-11-01T12:00:00Z


@pytest.fixture
def state(tmp_path):
    """A state directory with two lines on its audit log."""
    store = Store(tmp_path / "depot.db")
    store.remember("timezone", "America/Los_Angeles")
    store.audit(NOON_UTC_MS, "utility events/create", "refused", "$: expected JSON")
    store.audit(NOON_UTC_MS + 1000, "anna", "window for bay-1", "done")
    store.commit()
    store.close()
    return tmp_path


def test_lines_stand_in_the_sites_time_oldest_first(state, capsys):
    assert main(["audit", "--state", str(state)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "2026-11-01 04:00:00  utility events/create: refused: $: expected JSON"
    assert second == "2026-11-01 04:00:01  anna: window for bay-1: done"


def test_the_last_lines_as_one_document(state, capsys):
    assert main(["audit", "--state", str(state), "--last", "1", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [line["who"] for line in answer["lines"]] == ["anna"]


def test_a_wrong_call_is_told_so(state, tmp_path, capsys):
    assert main(["audit", "--state", str(state), "--last", "0"]) == 2
    assert main(["audit", "--state", str(tmp_path / "none")]) == 2
    assert "--last 0: expected 1 or more" in capsys.readouterr().err
