"""Entries of people about outages: what is taken, what is refused and why, and what stays on record."""

import json

import pytest

from edge.cli import main
from edge.model.exclusion import Exclusion
from edge.model.units import HOUR_MS, MINUTE_MS
from edge.shell.answers import DeskError
from edge.shell.exclusions import ExclusionWish
from edge.shell.store import Store
from tests.fakes.desk import Rig
from tests.shell.test_control_cli import state  # noqa: F401  a served desk

# The story of the fake depot begins on 2026-11-20 at 14:03:12, Los Angeles.
PAST = {"from_time": "2026-11-19 22:00", "to_time": "2026-11-20 03:30", "evidence": "police report 26-417"}
PLAN = {"from_time": "2026-11-21 08:00", "to_time": "2026-11-21 12:00", "evidence": "yearly inspection"}


def wish(kind="vandalism", ports=("P3",), **more):
    times = PLAN if kind == "maintenance" else PAST
    return ExclusionWish(kind=kind, ports=list(ports), **{**times, **more})


def test_an_entry_is_kept_as_it_was_made_and_audited():
    rig = Rig()
    shown = rig.desk.exclusion_add(wish(), "anna")
    (row,) = rig.store.rows
    assert isinstance(row, Exclusion)
    assert (row.reason, row.ports, row.who) == ("vandalism", "P3", "anna")
    assert row.end_wall_ms - row.start_wall_ms == 5 * HOUR_MS + 30 * MINUTE_MS
    assert row.entered_wall_ms == rig.wall_ms
    assert shown.from_time == "2026-11-19T22:00-08:00"
    assert rig.store.audited == [("anna", "vandalism entered for P3", "done")]


def test_a_charger_s_name_is_as_good_as_its_port_and_none_means_all():
    rig = Rig()
    assert rig.desk.exclusion_add(wish(ports=["bay-3", "P3", "P1"]), "a").ports == ["P1", "P3"]
    assert rig.desk.exclusion_add(wish("disaster", ports=[]), "a").ports == []


def test_times_may_have_an_offset():
    rig = Rig()
    assert rig.desk.exclusion_add(wish(from_time="2026-11-20T06:00:00Z"), "a").from_time == (
        "2026-11-19T22:00-08:00"
    )


@pytest.mark.parametrize(
    ("bad", "tells"),
    [
        (wish("flood"), "expected one of vandalism"),
        (wish(ports=["P99"]), "there is no 'P99'; expected one of P1"),
        (wish(from_time="yesterday"), "from: 'yesterday': expected a time such as \"2026-10-03 14:00\""),
        (wish(to_time="2026-11-19 21:00"), "to: 2026-11-19 21:00 expected after"),
        (wish(to_time="2026-11-21 21:00"), "expected what has happened already"),
        (wish(from_time="2026-11-20 15:00", to_time=""), "expected what has happened already"),
        (wish(evidence=" - "), "evidence: expected 5 to 255"),
        (wish(evidence="x" * 256), "evidence: expected 5 to 255"),
        (wish("maintenance", from_time="2026-11-20 14:00"), "announced before it begins"),
        (wish("maintenance", to_time=""), "scheduled maintenance has an end"),
        (wish("maintenance", to_time="2028-11-21 08:00"), "within a year"),
    ],
)
def test_what_is_refused_says_key_and_expectation_and_is_audited(bad, tells):
    rig = Rig()
    with pytest.raises(DeskError) as refused:
        rig.desk.exclusion_add(bad, "anna")
    assert tells in str(refused.value)
    assert rig.store.rows == []
    assert rig.store.audited[0][2].startswith("refused: ")


def test_what_lasts_gets_its_end_once():
    rig = Rig()
    entry = rig.desk.exclusion_add(wish("disaster", to_time=""), "anna")
    assert entry.to_time == ""
    for wrong in ("2026-11-19 21:00", "2026-11-20 14:10"):
        with pytest.raises(DeskError, match="expected after its start, and not in the future"):
            rig.desk.exclusion_end(entry.id, wrong, "anna")
    assert rig.desk.exclusion_end(entry.id, "2026-11-20 09:00", "b").to_time == "2026-11-20T09:00-08:00"
    with pytest.raises(DeskError, match="has an end"):
        rig.desk.exclusion_end(entry.id, "2026-11-20 10:00", "b")


def test_withdrawing_leaves_it_on_record():
    rig = Rig()
    entry = rig.desk.exclusion_add(wish(), "anna")
    with pytest.raises(DeskError, match="because: expected 5"):
        rig.desk.exclusion_withdraw(entry.id, "", "b")
    gone = rig.desk.exclusion_withdraw(entry.id, "entered for the wrong bay", "b")
    assert (gone.evidence, gone.withdrawn_because) == (entry.evidence, "entered for the wrong bay")
    assert [e.id for e in rig.desk.exclusions()] == [entry.id]
    with pytest.raises(DeskError, match="withdrawn before"):
        rig.desk.exclusion_withdraw(entry.id, "again and again", "b")
    with pytest.raises(DeskError, match="there is no entry 'x'"):
        rig.desk.exclusion_withdraw("x", "whatever it was", "b")


def test_two_entries_in_the_same_millisecond_are_two(tmp_path):
    store = Store(tmp_path / "depot.db", "boot")
    rig = Rig(store=store)
    ids = {rig.desk.exclusion_add(wish(), "a").id for _ in range(3)}
    assert len(ids) == 3
    assert len(store.exclusions()) == 3, "and they can be seen before they are on the disk"
    store.close()
    again = Store(tmp_path / "depot.db", read_only=True)
    assert {entry.id for entry in again.exclusions()} == ids
    again.close()


# --- the commands -------------------------------------------------------------------------------------


def test_enter_list_and_withdraw_by_command(state, capsys):  # noqa: F811
    words = ["--from", PAST["from_time"], "--to", PAST["to_time"], "--evidence", PAST["evidence"]]
    assert main(["outage", "add", "vandalism", "--port", "P3", *words, "--json"]) == 0
    entry = json.loads(capsys.readouterr().out)
    assert main(["outage", "repaired", "P3", "--at", "2026-11-20 04:00", "--evidence", "order 881"]) == 0
    assert "repaired" in capsys.readouterr().out
    plan = ["--from", PLAN["from_time"], "--to", PLAN["to_time"], "--evidence", PLAN["evidence"]]
    assert main(["maintenance", "add", *plan]) == 0
    assert "scheduled maintenance, all ports" in capsys.readouterr().out
    assert main(["outage", "withdraw", entry["id"], "--because", "wrong bay"]) == 0
    capsys.readouterr()
    assert main(["outage", "list"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "police report 26-417" in told
    assert "wrong bay" in told
    assert main(["maintenance", "list", "--json"]) == 0
    (only,) = json.loads(capsys.readouterr().out)
    assert only["reason"] == "scheduled maintenance"


def test_a_refusal_is_exit_2(state, capsys):  # noqa: F811
    words = ["--from", "2026-11-21 10:00", "--evidence", "police report"]
    assert main(["outage", "add", "vandalism", *words]) == 2
    assert "expected what has happened already" in capsys.readouterr().err
    assert main(["outage", "end", "x", "--to", "2026-11-20 10:00"]) == 2
    assert main(["outage", "list", "--state", "/none"]) == 2
