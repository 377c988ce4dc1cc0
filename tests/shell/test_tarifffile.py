"""Tariff files: the shipped one, and what a wrong one is told."""

import json
from pathlib import Path

import pytest

from edge.core.tariff import prices
from edge.shell.tarifffile import TariffRefused, load

SHIPPED = Path(__file__).parent.parent / "vectors/tariffs/pge_bev_2_s.json"


def price_at(tariff, wall_ms):
    (stretch,) = prices(tariff, wall_ms, wall_ms + 1)
    return stretch.price_micro


def test_the_shipped_tariff():
    tariff = load(SHIPPED)
    assert (tariff.name, tariff.timezone, tariff.currency) == ("pge_bev_2_s", "America/Los_Angeles", "USD")
    assert [p.tiers[0].price_nano for p in tariff.energy] == [415_220_000, 201_990_000, 178_720_000]
    assert "secondary" in tariff.verification
    peak, night, noon = (
        1_784_160_000_000,
        1_784_192_400_000,
        1_784_142_000_000,
    )  # 15 July 2026 17:00, 02:00, 12:00
    assert [price_at(tariff, at) for at in (peak, night, noon)] == [415_220, 201_990, 178_720]


def rate(**changes):
    whole = {
        "name": "t",
        "energyratestructure": [[{"rate": 0.1, "adj": 0.025, "unit": "kWh"}], [{"rate": 0.2}]],
        "energyweekdayschedule": [[0] * 24] * 12,
        "energyweekendschedule": [[1] * 24] * 12,
    }
    return {key: value for key, value in {**whole, **changes}.items() if value is not None}


DAY = [0] * 24
SHORT, TOO_HIGH = [0] * 23, [0] * 23 + [2]


def written(tmp_path, document):
    path = tmp_path / "tariff.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_a_rate_as_urdb_delivers_it_takes_the_time_zone_of_the_site(tmp_path):
    tariff = load(written(tmp_path, rate()), "Europe/Berlin")
    assert [p.tiers[0].price_nano for p in tariff.energy] == [125_000_000, 200_000_000], "rate + adj"
    assert tariff.timezone == "Europe/Berlin"


def test_prices_are_exact_to_a_billionth(tmp_path):
    document = json.dumps(rate(energyratestructure=[[{"rate": 1}], [{"rate": 2}]]))
    document = document.replace('{"rate": 1}', '{"rate": 0.1000001}').replace('{"rate": 2}', '{"rate": 0.3}')
    tariff = load(written(tmp_path, document), "UTC")
    assert [p.tiers[0].price_nano for p in tariff.energy] == [100_000_100, 300_000_000]


@pytest.mark.parametrize(
    ("document", "tells"),
    [
        ("{", "not JSON"),
        ("[]", "top level: expected an object"),
        ({"items": []}, "items: expected a list of one rate, found 0"),
        ({"items": [rate(), rate()]}, "items: expected a list of one rate, found 2"),
        ({"items": [rate()], "_meta": {"timezone": "Mars/X"}}, '_meta.timezone: "Mars/X" is not a zone'),
        ({"items": [rate()], "_meta": {"timezone": ""}}, "_meta.timezone: missing"),
        (rate(energyratestructure=None), "energyratestructure: expected a list of periods"),
        (rate(energyratestructure=[[]]), "energyratestructure[0]: expected a list of tiers"),
        (rate(energyratestructure=[[{"rate": "1"}]]), "energyratestructure[0][0].rate: expected a price"),
        (rate(energyratestructure=[[{"rate": 1, "unit": "therm"}]]), "[0][0].unit: expected kWh"),
        ('{"energyratestructure": [[{"rate": NaN}]]}', "[0][0].rate: expected a price"),
        (rate(energyweekdayschedule=None), "energyweekdayschedule: expected 12 months of 24 hours"),
        (rate(energyweekendschedule=[DAY] * 11), "energyweekendschedule: expected 12 months"),
        (rate(energyweekdayschedule=[DAY] * 11 + [SHORT]), "schedule[11]: expected 24 hours, found 23"),
        (rate(energyweekdayschedule=[TOO_HIGH] + [DAY] * 11), "schedule[0][23]: expected a period"),
        (rate(energyweekdayschedule=[[-1] * 24] * 12), "energyweekdayschedule[0][0]: expected a period"),
        (rate(energyweekdayschedule=[[True] * 24] * 12), "energyweekdayschedule[0][0]: expected a period"),
        (rate(energyweekdayschedule=[[1e28] * 24] * 12), "energyweekdayschedule[0][0]: expected a period"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_by_file_and_key(tmp_path, document, tells):
    path = written(tmp_path, document)
    with pytest.raises(TariffRefused) as refused:
        load(path, "UTC")
    assert str(path) in str(refused.value)
    assert tells in str(refused.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(TariffRefused, match="there is no such file"):
        load(tmp_path / "none.json")
