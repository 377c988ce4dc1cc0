"""100 000 mutated events: no crash, and none obeyed that the strict reader would refuse to explain.

    .venv/bin/python -m tests.fuzz_openadr [COUNT] [SEED]          part of `make fuzz`

Every mutant is read as from a broker, told to the core, and ticked.  What may happen is that it is refused by
name, or that it is obeyed; nothing else.  *Explained* means, of every mutant that the core takes and acts on:

1. with the tolerances of docs/utility.md applied to it (openadr_tolerances.py, written apart from the
   reader), and nothing else, it is valid by openadr3.yaml: the event by `eventRequest`, its id by `objectID`;
2. each value of a payload that is acted on is one that the enumeration of event payloads allows;
3. a limit that holds is a value that stands in the message, in its unit, rounded down to whole watts;
4. nothing holds outside the time that any of its intervals can reach.
"""

import functools
import json
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from random import Random
from typing import Any

import jsonschema
import yaml

from edge.cli.utilityexamples import EXAMPLES, Wish, example
from edge.core import demand_response
from edge.core.demand_response import State
from edge.core.signals import SIGNALS, why_not
from edge.core.timeline import stretches
from edge.model.flow import Remember, Tick, UtilitySaid
from edge.model.openadr import OpenAdrEvent
from edge.shell.openadr import BadMessage, read
from tests.fakes.openadr_mutator import mutant
from tests.fakes.openadr_schema import components, validator
from tests.fakes.openadr_tolerances import explained

VECTORS = Path(__file__).parent / "vectors" / "openadr"
TOPIC = "u/events/create"
T0 = 1_784_000_000_000
TICKS_MS = (0, 1_000, 61_000, 3_600_000, 90_000_000)

# The enumeration says 0 and more; a relative setpoint without a sign could not ask for less.
SIGNED = {"DISPATCH_SETPOINT_RELATIVE"}


class Unexplained(Exception):
    """The depot obeys what it should not.  Says which rule of the docstring, and why."""


@functools.cache
def seeds() -> tuple[Any, ...]:
    """Return the events of the User Guide, of the timeline vectors, and of `depot utility example`."""
    guide = [json.loads(path.read_text()) for path in sorted(VECTORS.glob("examples/*_eventRequest.json"))]
    found = [each[0] if isinstance(each, list) else each for each in guide]
    for case in json.loads((VECTORS / "timeline.json").read_text())["vectors"]:
        found += [case["event"]] if "event" in case else case.get("events", [])
    found += [example(name, Wish(datetime.fromtimestamp(T0 / 1000, UTC))) for name in EXAMPLES]
    return tuple({"id": f"seed-{n}", **each} for n, each in enumerate(found))


@functools.cache
def _value_schema(payload_type: str) -> Any:
    """Return the enumeration's judge of one value of a type; None for a type that it does not list."""
    path = VECTORS / "enumerations" / "event-interval-payloads.schema.yaml"
    listed = yaml.safe_load(path.read_text())["definitions"].get(payload_type)
    if listed is None or not isinstance(listed.get("items"), dict):
        return None
    items = dict(listed["items"])
    if "oneOf" in items:  # of number and integer: a slip, for every integer is both
        items["anyOf"] = items.pop("oneOf")
    if payload_type in SIGNED:
        items.pop("minimum", None)
    return jsonschema.Draft7Validator({"components": {"schemas": components()}, **items})


def judge(payload: bytes) -> str:
    """Read and obey one message; return what became of it.  Raises Unexplained, or whatever crashes."""
    try:
        operation, event = read(payload, TOPIC, T0)
    except BadMessage as error:
        if not str(error).startswith(f"{TOPIC}: ") or len(str(error)) > 1_000:
            raise Unexplained(f"a refusal that does not name its topic: {error}") from None
        return "refused by the reader"
    state, commands = demand_response.said(State(trusted=True), UtilitySaid(0, T0, operation, event, TOPIC))
    if operation == "DELETE":
        return "deleted"
    if not any(isinstance(command, Remember) for command in commands):
        return "refused by the core"
    acts = _obeyed(event)
    if not acts:
        _ticked(state, event)
        return "kept, not acted on"
    _strict(payload, event)
    _in_the_enumeration(acts)
    _ticked(state, event)
    return "obeyed"


def _obeyed(event: OpenAdrEvent) -> list[tuple[str, Any]]:
    """Return type and value of everything in an event that is acted on."""
    units = {each.payload_type: each.units for each in event.payload_descriptors}
    return [
        (payload.type, value)
        for interval in event.intervals
        for payload in interval.payloads
        if why_not(payload.type, units.get(payload.type, "")) is None
        for value in payload.values
    ]


def _strict(payload: bytes, event: OpenAdrEvent) -> None:
    """Rule 1."""
    found, _ = explained(payload)
    wrong = [
        f"{list(each.absolute_path)}: {each.message}"[:300]
        for each in validator("eventRequest", times=True).iter_errors(found)
    ]
    if not event.id.startswith("named-"):
        wrong += [each.message for each in validator("objectID").iter_errors(found.get("id"))]
    if wrong:
        raise Unexplained(f"rule 1: {wrong[0]}")


def _in_the_enumeration(acts: list[tuple[str, Any]]) -> None:
    """Rule 2."""
    for payload_type, value in acts:
        schema = _value_schema(payload_type)
        if schema is None or SIGNALS[payload_type].what == "alert" or payload_type == "CURVE":
            continue
        for error in schema.iter_errors(value):
            raise Unexplained(f"rule 2: {payload_type}: {error.message}")


def _ticked(state: State, event: OpenAdrEvent) -> None:
    """Rules 3 and 4, and that no tick fails."""
    wanted = {
        int((Decimal(str(value)) * scale).to_integral_value(ROUND_FLOOR))
        for interval in event.intervals
        for payload in interval.payloads
        if payload.type == "IMPORT_CAPACITY_LIMIT"
        for value in payload.values
        if isinstance(value, int | float)
        for scale in (1, 1_000, 1_000_000)
    }
    only_limits = {p.type for i in event.intervals for p in i.payloads} == {"IMPORT_CAPACITY_LIMIT"}
    for after_ms in TICKS_MS:
        tick = Tick(after_ms, T0 + after_ms)
        held = demand_response.limit(state, tick)
        if held and only_limits and held.event_id == event.id and held.limit_w not in wanted:
            raise Unexplained(f"rule 3: {held.limit_w} W is held, and the message has {sorted(wanted)[:5]}")
        if (
            held
            and only_limits
            and held.event_id == event.id
            and not stretches(event, tick.wall_ms, tick.wall_ms + 1)
        ):
            raise Unexplained(f"rule 4: {held.limit_w} W is held {after_ms} ms after receipt")
        state, _ = demand_response.step(state, tick, 50_000)
    demand_response.listed(state, T0, T0 + 172_800_000)
    demand_response.prices(state, T0, T0 + 172_800_000)
    demand_response.ahead(state, T0, T0 + 172_800_000)


def fuzz(count: int, seed: int) -> Counter[str]:
    """Judge so many mutants; return what became of them.  Raises with the mutant on the first that fails."""
    random, found = Random(seed), Counter[str]()
    for n in range(count):
        payload = mutant(random, seeds())
        try:
            found[judge(payload)] += 1
        except Exception as error:
            error.add_note(f"seed {seed}, mutant {n}: {payload[:3_000]!r}")
            raise
    return found


def main() -> int:
    """Run the campaign and print its figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    began = time.monotonic()
    found = fuzz(count, seed)
    print(
        f"{count} mutated events, seed {seed}, {time.monotonic() - began:.0f} s: no crash, none unexplained"
    )
    for what, how_many in found.most_common():
        print(f"  {how_many:7}  {what}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
