"""What the tests with other people's OpenADR programs share: events, our reading of them, a depot."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from edge.cli.utilityexamples import EXAMPLES, Wish, example
from edge.core.timeline import stretches
from edge.model.records import Compliance
from edge.model.site import Token
from edge.shell.openadr import read, report_key, write_report
from edge.shell.utility import REPORTS
from tests.fakes.vtn import FakeVtn
from tests.shell.test_mqtt import until
from tests.shell.test_utility_line import Depot

GUIDE = Path(__file__).parent.parent / "vectors" / "openadr" / "examples"
NOW = datetime(2026, 7, 1, 16, 20, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
STAMPS = {"createdDateTime": "2026-01-01T00:00:00Z", "modificationDateTime": "2026-01-01T00:00:00Z"}

# Client id -> secret: the utility's own program, and the depot.
CLIENTS = {"bl_client": "s3cret", "ven_client": "t0psecret"}

# openadr3-client sends null for what is not given, where the schema wants nothing at all.
NULL = "None is not of type"

Json = dict[str, Any]


def credentials(folder: Path) -> Token:
    """The depot's, as its site file has them."""
    (folder / "secret").write_text(CLIENTS["ven_client"])
    return Token("ven_client", str(folder / "secret"))


def events() -> dict[str, Json]:
    """The events of the User Guide (by line) and of `depot utility example`, as a server would give them."""
    found = {}
    for path in sorted(GUIDE.glob("*_eventRequest.json")):
        value = json.loads(path.read_text())
        event = value[0] if isinstance(value, list) else value
        found[path.name.split("_")[1]] = {"id": "e-1", **STAMPS, **event, "objectType": "EVENT"}
    return found | {name: example(name, Wish(NOW)) for name in EXAMPLES}


def our_spans(event: Json) -> dict[int, tuple[datetime, datetime | None]]:
    """Interval id -> when it holds by our reading; of one with several values, from the first to the last."""
    _, found = read(json.dumps(event).encode(), "t", NOW_MS)
    spans: dict[int, tuple[datetime, datetime | None]] = {}
    for each in stretches(found, 0, 2**60):
        begin = datetime.fromtimestamp(each.from_wall_ms / 1000, UTC)
        end = None if each.to_wall_ms is None else datetime.fromtimestamp(each.to_wall_ms / 1000, UTC)
        spans[each.interval_id] = (spans.get(each.interval_id, (begin, end))[0], end)
    return spans


def limit_event(program_id: str, kw: float) -> Json:
    """What a business logic posts: an eventRequest."""
    start = datetime.now(UTC) - timedelta(seconds=1)
    return {
        "programID": program_id,
        "eventName": "interop",
        "payloadDescriptors": [
            {
                "objectType": "EVENT_PAYLOAD_DESCRIPTOR",
                "payloadType": "IMPORT_CAPACITY_LIMIT",
                "units": "KW",
            }
        ],
        "intervalPeriod": {"start": start.strftime("%Y-%m-%dT%H:%M:%SZ"), "duration": "PT10M"},
        "intervals": [{"id": 0, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT", "values": [kw]}]}],
    }


def row(event_id: str, program_id: str) -> Compliance:
    """What a depot has kept of an interval."""
    return Compliance(
        event_id, program_id, "interop", 0, NOW_MS, NOW_MS + 600_000, "IMPORT_CAPACITY_LIMIT",
        40_000, 35_000, 39_500, 5_833, 4_000, 600_000,
    )  # fmt: skip


async def plays(
    depot: Depot,
    server: FakeVtn,
    create: Callable[[float], str],
    change: Callable[[str, float], None],
    delete: Callable[[str], None],
) -> str:
    """Let somebody else's client create, change and delete an event, with our report in between.

    Returns the event's id.
    """
    event_id = await asyncio.to_thread(create, 40)
    await until(lambda: depot.limit_w == 40_000)
    await asyncio.to_thread(change, event_id, 25)
    await until(lambda: depot.limit_w == 25_000)
    kept = row(event_id, depot.said[0].event.program_id)
    await depot.line.publish(REPORTS, write_report(kept, "depot-17"), key=report_key(kept))
    await asyncio.to_thread(delete, event_id)
    await until(lambda: depot.limit_w is None)
    assert [each for each in server.wrong if NULL not in each] == []
    return event_id
