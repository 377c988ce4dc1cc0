"""The daemon writes its flight recorder out when something happens, and not at every start."""

from pathlib import Path

import msgspec
import pytest

from edge.model.flow import Noted, Tick
from edge.shell.daemon import Daemon
from edge.shell.sitefile import load
from tests.fakes.depot_records import START_WALL_MS, record, site

DEMO = Path(__file__).parents[2] / "edge/sim/data/demo.toml"
QUIET = msgspec.structs.replace(record(site(), 5), fallback="", violations=[])


@pytest.fixture
def daemon(tmp_path):
    """A daemon of the demonstration's depot without its brokers, to which a second has been said."""
    drawn = msgspec.structs.replace(load(DEMO), utility=None, network=None)
    daemon = Daemon(drawn, None, tmp_path)
    daemon.recorder.take(Tick(0, START_WALL_MS), daemon.controller)
    yield daemon
    daemon.store.close()


def test_meters_that_were_never_heard_are_no_happening_and_one_that_falls_silent_is(daemon, tmp_path):
    silent = msgspec.structs.replace(QUIET, fallback="meter silent at panel-a: fallback currents")
    written = tmp_path / "recordings"

    daemon.do(Noted(silent))
    assert not written.exists()
    daemon.do(Noted(QUIET))
    daemon.do(Noted(silent))
    assert len(list(written.iterdir())) == 1
    daemon.do(Noted(silent))
    assert len(list(written.iterdir())) == 1, "not again for the same trouble"


def test_a_violation_is_written_whatever_was_heard(daemon, tmp_path):
    daemon.do(Noted(msgspec.structs.replace(QUIET, violations=["main L1: 101 A of 100 A"])))
    assert len(list((tmp_path / "recordings").iterdir())) == 1
