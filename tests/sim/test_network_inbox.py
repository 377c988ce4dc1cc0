"""The network's end of the demonstration: what it counts, what it misses, what it acknowledges."""

import json

import pytest

from edge.sim.network import ACKS, ROOT, Inbox


def message(seq: int, key: str, id: str = "s1") -> bytes:
    return json.dumps({"seq": seq, "key": key, "id": id}).encode()


@pytest.fixture
def inbox():
    sent = []
    inbox = Inbox(reply=lambda topic, ack: sent.append((topic, ack["up_to"], ack["seqs"])))
    inbox.sent = sent
    return inbox


def test_a_session_that_begins_and_ends_is_one_session_and_two_reports(inbox):
    inbox.take(f"{ROOT}/session", message(1, "session/s1/a"), 0)
    inbox.take(f"{ROOT}/session", message(2, "session/s1/b"), 0)
    inbox.take(f"{ROOT}/outage", message(3, "outage/o1/a", "o1"), 0)
    assert inbox.counts() == {"sessions": 1, "outages": 1, "reports_sent": 3, "reports_lost": 0}


def test_the_same_key_twice_is_one_report(inbox):
    for _ in range(2):
        inbox.take(f"{ROOT}/session", message(1, "k"), 0)
    assert inbox.counts()["reports_sent"] == 1
    assert inbox.twice == 1


def test_a_gap_in_the_numbers_is_a_lost_report(inbox):
    for seq in (1, 2, 5):
        inbox.take(f"{ROOT}/session", message(seq, f"k{seq}"), 0)
    assert inbox.counts()["reports_lost"] == 2
    assert inbox.sent == [(ACKS, 1, []), (ACKS, 2, []), (ACKS, 2, [5])]


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{}", b'"x"', b'{"key": "k"}', b'{"key": "k", "seq": null}']
)
def test_what_is_no_report_is_noted_and_not_counted(inbox, payload):
    inbox.take(f"{ROOT}/session", payload, 0)
    assert inbox.counts()["reports_sent"] == 0
    assert inbox.unreadable == [f"{ROOT}/session"]


def test_a_status_and_our_own_acknowledgements_are_no_reports(inbox):
    inbox.take(f"{ROOT}/status", message(0, "status/online"), 0)
    inbox.take(ACKS, b'{"up_to": 3}', 0)
    assert inbox.counts()["reports_sent"] == 0
    assert inbox.sent == [] and inbox.unreadable == []
