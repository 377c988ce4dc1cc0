"""With PyPI's `openadr3-client` (ElaadNL): its client as the utility, its models as a judge.

It needs Python 3.12.  What the two disagree about is in docs/utility.md and in DISAGREE; the tests fail when
that changes.
`make interop` runs this with a Python that it takes.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.vtn import FakeVtn, vtn
from tests.interop.others import CLIENTS, credentials, events, limit_event, our_spans, plays
from tests.shell.test_mqtt import run
from tests.shell.test_utility_line import depot, polled

pytest.importorskip("openadr3_client", reason="not installed: needs Python 3.12; make interop")

from openadr3_client.bl.http_factory import BusinessLogicHttpClientFactory
from openadr3_client.oadr310.models.event.event import EventUpdate, ExistingEvent, NewEvent
from openadr3_client.oadr310.models.program.program import NewProgram
from openadr3_client.oadr310.models.report.report import ExistingReport
from openadr3_client.version import OADRVersion
from pydantic import ValidationError

TIME_OF_DAY = "createdDateTime of a time only; unknown to us"
NO_START = "an interval's own duration without a start; the schema requires neither (User Guide, 7.4)"
NO_ZONE = "0001-01-01 without time and zone, as the User Guide writes it (7.3)"
NO_DESCRIPTOR = "a slip of the guide: payLoadType"
NO_POINT = "points in a CURVE, which the schema has"

# Event (line of the User Guide, or example) -> why it refuses what we read.
DISAGREE = {
    "L0553": TIME_OF_DAY, "L2739": TIME_OF_DAY,
    "L0752": NO_START, "L2585": NO_START,
    "L1653": NO_ZONE, "L2344": NO_ZONE, "L2413": NO_ZONE, "L2476": NO_ZONE,
    "L1130": NO_DESCRIPTOR, "L1547": NO_POINT,
}  # fmt: skip


@pytest.mark.parametrize("name", events())
def test_it_reads_what_we_read(name: str) -> None:
    try:
        found = ExistingEvent.model_validate(events()[name])
    except ValidationError:
        assert name in DISAGREE
    else:
        assert name not in DISAGREE
        assert found.program_id == events()[name]["programID"]


def test_its_client_is_obeyed_and_reads_our_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # loopback
    ours = credentials(tmp_path)

    async def story(server: FakeVtn) -> None:
        utility: Any = BusinessLogicHttpClientFactory.create_http_bl_client(
            server.url,
            "bl_client",
            CLIENTS["bl_client"],
            allow_insecure_http=True,
            version=OADRVersion.OADR_310,
        )
        program = utility.programs.create_program(NewProgram(program_name="evening-peak")).id

        def create(kw: float) -> str:
            return str(utility.events.create_event(NewEvent.model_validate(limit_event(program, kw))).id)

        def change(event_id: str, kw: float) -> None:
            update = EventUpdate.model_validate(limit_event(program, kw))
            utility.events.update_event_by_id(event_id, update)

        def delete(event_id: str) -> None:
            utility.events.delete_event_by_id(event_id)

        async with depot(tmp_path, vtn=polled(server), programs=("evening-peak",), token=ours) as found:
            await plays(found, server, create, change, delete)
        (report,) = server.reports
        with pytest.raises(ValidationError) as refused:
            utility.reports.get_reports(None, None, None, None)
        # Of a report's payloadDescriptors it takes those of events only; the schema wants those of reports.
        assert {each["loc"][-1] for each in refused.value.errors()} == {"objectType"}
        without = {key: value for key, value in report.items() if key != "payloadDescriptors"}
        told = ExistingReport.model_validate(without)
        assert (told.client_name, told.resources[0].intervals[0].payloads[0].values) == ("depot-17", (5.833,))

    with vtn(clients=CLIENTS) as server:
        server.lenient = True
        run(story(server))
        assert server.wrong  # of its nulls, which we read as they are meant


@pytest.mark.parametrize("name", [name for name in events() if name not in DISAGREE])
def test_what_it_makes_of_an_event_means_the_same_to_us(name: str) -> None:
    """Through its models and back: nulls everywhere, durations and times in its own spelling."""
    event = events()[name]
    made = ExistingEvent.model_validate(event).model_dump(by_alias=True, mode="json")
    assert our_spans({"id": "e-1", **made}) == our_spans(event)
