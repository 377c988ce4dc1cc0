"""Whatever a VTN answers, reading it gives events or a trouble with a name; never anything else."""

import json
from random import Random
from typing import Any

from edge.core.demand_response import State, said
from edge.model.flow import UtilitySaid
from edge.model.site import Utility, Vtn
from edge.shell.discovery import Topics, discover
from edge.shell.rest import Answer
from edge.shell.vtn import TROUBLE, VtnClient
from edge.shell.vtnlisting import read_listing
from tests.fakes.openadr_mutator import ANYTHING, mutant
from tests.fuzz_openadr import seeds

REPORT = b'{"eventID": "e-1", "clientName": "depot-17", "resources": []}'
STATUSES = (200,) * 12 + (201, 204, 301, 400, 401, 403, 404, 409, 429, 500, 503)
VTN = Vtn("https://vtn.example.com")
UTILITY = Utility(None, (), "", "depot-17", vtn=VTN)
PARTS: tuple[Any, ...] = (
    {"id": "p-1", "programName": "peak", "attributes": [{"type": "BINDING_EVENTS", "values": [True]}]},
    {"topics": {"CREATE": "e/create", "UPDATE": "e/update", "DELETE": "e/delete", "ALL": "e/+"}},
    {
        "WEBHOOK": True,
        "MQTT": {
            "URIS": ["mqtts://b.example"],
            "serialization": "JSON",
            "authentication": {"method": "OAUTH2_BEARER_TOKEN", "username": "{clientID}"},
        },
    },
    {"id": "v-1", "venName": "depot-17"},
    {"id": "r-1", "reportName": "key", "eventID": "e-1"},
    {"tokenURL": "https://vtn.example.com/token"},
)  # fmt: skip


class Liar:
    """Answers every request with something that was right once."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def ask(self, *request: Any) -> Answer:
        """Return an answer of any kind; now and then it is what belongs there."""
        random = self.random
        base = [*seeds()[:20], *PARTS]
        kind = random.randrange(6)
        if kind == 0:
            body = json.dumps(random.choice(ANYTHING)).encode()
        elif kind == 1:
            body = mutant(random, base)
        elif kind == 2:
            body = b"[" + b",".join(mutant(random, base) for _ in range(random.randrange(4))) + b"]"
        elif kind == 3:
            body = random.choice((b"", b"\xff", b"NaN", b"[" * 5_000, b'["\\ud800"]', b"<html>", b"[1e999]"))
        else:
            body = json.dumps([random.choice(base) for _ in range(random.randrange(3))]).encode()
        return Answer(random.choice(STATUSES), body)


def test_whatever_is_answered_it_is_read_or_named() -> None:
    random, outcomes = Random(5), {"read": 0, "trouble": 0}
    for _ in range(400):
        vtn = VtnClient(VTN, Liar(random), None)  # type: ignore[arg-type]
        state = State(trusted=True)
        asked = [
            lambda vtn=vtn: read_listing(vtn, UTILITY, 0),
            lambda vtn=vtn: discover(vtn, UTILITY, Topics(("p-1",), "depot")),
            vtn.token_url,
            lambda vtn=vtn: vtn.gone("e-1"),
            lambda vtn=vtn: vtn.report(
                b'{"eventID": "e-1", "clientName": "depot-17", "resources": []}', "key"
            ),
        ]
        for ask in asked:
            try:
                found = ask()
            except TROUBLE as trouble:
                assert str(trouble)
                outcomes["trouble"] += 1
                continue
            outcomes["read"] += 1
            for event in getattr(found, "events", {}).values():
                state, _ = said(state, UtilitySaid(0, 1_784_000_000_000, "CREATE", event))
    assert min(outcomes.values()) > 100, outcomes
