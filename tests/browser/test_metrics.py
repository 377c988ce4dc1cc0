"""/metrics as a monitoring system reads it: by the OpenMetrics parser of prometheus_client, strict."""

from collections.abc import Iterator

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from edge.shell.answers import Status
from edge.web.metrics import KINDS, metrics
from tests.browser.test_app import Got
from tests.fakes.depot_records import site
from tests.fakes.desk import Rig
from tests.fakes.served import Served


@pytest.fixture
def served() -> Iterator[Served]:
    depot = Served()
    yield depot
    depot.close()


def status(second: int = 25) -> Status:
    rig = Rig()
    rig.tick(second)
    return rig.desk.status()


def values(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Return sample values by metric and label values."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_a_foreign_parser_reads_what_is_served(served: Served) -> None:
    served.tick(25)
    got = Got(served, "/metrics")
    assert got.status == 200
    assert got.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    found = values(got.body.decode())
    assert len(found) == 14
    assert found["depot_charger_granted_amperes"]["bay-1", "P1"] == 8.0


def test_before_the_first_tick_there_is_nothing_to_scrape(served: Served) -> None:
    assert Got(served, "/metrics").status == 503


def test_figures_are_the_status_in_base_units() -> None:
    now = status()
    found = values(metrics(now, {c.id: c.port for c in site().chargers}))
    for node in now.nodes:
        assert found["depot_node_power_watts"][(node.id,)] == node.power_w
        assert node.flowing_ma is not None
        assert found["depot_node_current_amperes"][node.id, "L2"] == node.flowing_ma[1] / 1000
        assert found["depot_node_limit_amperes"][node.id, "L1"] == node.limit_ma[0] / 1000
    for n, charger in enumerate(now.chargers):
        labels = (charger.id, f"P{n + 1}")
        assert found["depot_charger_online"][labels] == charger.online
        kinds = {k: found["depot_charger_state"][(*labels, k)] for k in KINDS}
        assert kinds == {k: float(k == charger.kind) for k in KINDS}
        if charger.session_wh is not None:
            assert found["depot_charger_session_energy_joules"][labels] == charger.session_wh * 3600


def test_what_is_not_known_has_no_sample() -> None:
    now = status()
    silent = [c for c in now.chargers if not c.online]
    assert silent
    found = values(metrics(now, {}))
    for charger in silent:
        assert (charger.id, charger.id) not in found["depot_charger_power_watts"]


def test_odd_names_are_escaped() -> None:
    odd = 'bay "1"\\\n2'
    found = values(metrics(status(), {"bay-1": odd}))
    assert ("bay-1", odd) in found["depot_charger_online"]


def test_no_vehicle_is_named() -> None:
    assert "van" not in metrics(status(), {})
