"""Names of drivers and vehicles never get past the wire."""

import hashlib
import hmac
import stat

import pytest

from edge.model.flow import Reading, Tick
from edge.shell.pseudonyms import Pseudonyms

EVCCID, CARD = "90b3d5a1c2e4", "04A2B3C4D5E680"


def test_a_name_is_replaced_by_its_keyed_hash_before_it_is_said(tmp_path):
    said = []
    hide = Pseudonyms(tmp_path / "key").hiding(said.append)
    hide(Reading(1, "bay-1", {"vehicle_id": EVCCID, "tag": CARD, "state": "C", "power_w": 11_000}))
    (reading,) = said
    key = (tmp_path / "key").read_bytes()
    mac = hmac.new(key, b"vehicle_id:" + EVCCID.encode(), hashlib.sha256).hexdigest()
    assert reading.values["vehicle_id"] == "v-" + mac[:16]
    assert reading.values["tag"].startswith("d-")
    assert (reading.values["state"], reading.values["power_w"]) == ("C", 11_000)
    assert EVCCID not in repr(reading)
    assert CARD not in repr(reading)


def test_what_names_nobody_goes_through_untouched(tmp_path):
    said = []
    hide = Pseudonyms(tmp_path / "key").hiding(said.append)
    reading, tick = Reading(1, "bay-1", {"state": "A"}), Tick(2, 3)
    hide(reading)
    hide(tick)
    assert said[0] is reading
    assert said[1] is tick


def test_the_same_name_is_the_same_pseudonym_over_restarts_and_another_on_another_gateway(tmp_path):
    first, again = Pseudonyms(tmp_path / "key"), Pseudonyms(tmp_path / "key")
    other = Pseudonyms(tmp_path / "other")
    assert first.of("tag", CARD) == again.of("tag", CARD) != other.of("tag", CARD)
    assert first.of("tag", CARD)[2:] != first.of("vehicle_id", CARD)[2:], "a card is no vehicle"
    assert first.of("tag", "") == ""
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


@pytest.mark.parametrize("breaks", ["short", "directory"])
def test_without_a_key_nobody_is_recorded_rather_than_in_the_clear(tmp_path, breaks):
    path = tmp_path / "key"
    path.mkdir() if breaks == "directory" else path.write_bytes(b"short")
    names = Pseudonyms(path)
    assert "are not recorded" in names.trouble
    assert str(path) in names.trouble
    said = []
    names.hiding(said.append)(Reading(1, "bay-1", {"vehicle_id": EVCCID}))
    assert said[0].values == {"vehicle_id": ""}
