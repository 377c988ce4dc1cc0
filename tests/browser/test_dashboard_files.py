"""The Grafana dashboard and the alert rules ask for metrics and labels that /metrics has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from edge.web.metrics import metrics
from tests.fakes.desk import Rig

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
SELECTOR = re.compile(r"(depot_[a-z_]+)(?:\{([^}]*)\})?")
SCRAPED = {"job", "instance"}  # Prometheus adds them


def expressions() -> Iterator[str]:
    board = json.loads((GRAFANA / "depot-edge.json").read_text())
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (v["query"] for v in board["templating"]["list"] if v["type"] == "query")
    for group in yaml.safe_load((GRAFANA / "alerts.yml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


@pytest.fixture(scope="module")
def labels() -> dict[str, set[str]]:
    """Return the labels of every sample, as another program reads them."""
    rig = Rig()
    rig.tick(0)
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics(rig.desk.status(), {})):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_what_is_asked_for_is_there(expression: str, labels: dict[str, set[str]]) -> None:
    quoted = re.sub(r'"depot_charger_state"', "", expression)  # a label's name as an argument
    found = [m for m in SELECTOR.finditer(quoted) if m[1] not in labels.get("depot_charger_state", ())
             or m[1] == "depot_charger_state"]  # fmt: skip
    assert found
    for name, selector in ((m[1], m[2] or "") for m in found):
        assert name in labels
        asked = set(re.findall(r'([a-z_]+)=~?"', selector)) - SCRAPED
        assert asked <= labels[name]


def test_every_metric_of_a_charger_or_node_is_shown_somewhere(labels: dict[str, set[str]]) -> None:
    shown = " ".join(expressions())
    assert [name for name in labels if name not in shown and name != "depot_info"] == []


def test_panels_do_not_overlap_and_have_their_own_ids() -> None:
    board = json.loads((GRAFANA / "depot-edge.json").read_text())
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
