"""Writes the reports that an event asks for: strict OpenADR 3.1 JSON.  No I/O, no clock.

    written(event, answer, key, client_name, drill) -> bytes
    key(event, plan, report)                            the same key is the same report

Intervals that follow one another and are equally long inherit start and duration from their resource, as an
event's do; others say their own.

Source: openadr3.yaml, reportRequest; User Guide 7.5 (intervals' ids), 7.7, 7.8.
"""

import hashlib
import itertools
from typing import Any

import msgspec

from edge.core.reportplan import Due, Plan, Span
from edge.model.openadr import OpenAdrEvent
from edge.report.asked import Answer, Resource
from edge.shell.openadr import duration_text, named, time_text


def key(event: OpenAdrEvent, plan: Plan, report: Due) -> str:
    """Return the idempotency key: of the version of the event, of the descriptors, of the repetition."""
    return f"report/{event.id}/{event.received_wall_ms}/{plan.group.n}/{report.k}"


def written(event: OpenAdrEvent, answer: Answer, key: str, client_name: str, drill: bool = False) -> bytes:
    """Return a report.  client_name: our venName at the utility.  drill: it is named as one.

    Some servers take a reportName once only: it ends with what tells the key from others.
    """
    spans = [told.span for resource in answer.resources for told in resource.intervals]
    begin = time_text(min(span.from_wall_ms for span in spans))
    kinds = " ".join(each.payload_type for each in answer.descriptors)
    mark = hashlib.sha256(key.encode()).hexdigest()[:8]
    name = f"{named(event.name or event.id, drill)} {kinds} {begin} {mark}"
    value = {
        "reportName": name,
        "eventID": event.id,
        "clientName": client_name,
        "payloadDescriptors": [_described(*each) for each in answer.descriptors],
        "resources": [_resource(resource) for resource in answer.resources],
    }
    return msgspec.json.encode(value)


def _described(payload_type: str, reading_type: str, units: str) -> dict[str, str]:
    found = {
        "objectType": "REPORT_PAYLOAD_DESCRIPTOR",
        "payloadType": payload_type,
        "readingType": reading_type,
    }
    return found | {"units": units} if units else found


def _resource(resource: Resource) -> dict[str, Any]:
    spans = [told.span for told in resource.intervals]
    first = spans[0]
    even = all(
        span.from_wall_ms == before.to_wall_ms and _length_ms(span) == _length_ms(first)
        for before, span in itertools.pairwise(spans)
    )
    intervals: list[dict[str, Any]] = []
    for told in resource.intervals:
        interval: dict[str, Any] = {
            "id": told.span.id,
            "payloads": [{"type": name, "values": [value]} for name, value in told.payloads],
        }
        intervals.append(interval if even else interval | {"intervalPeriod": _period(told.span)})
    return {"resourceName": resource.name, "intervalPeriod": _period(first), "intervals": intervals}


def _period(span: Span) -> dict[str, str]:
    return {"start": time_text(span.from_wall_ms), "duration": duration_text(_length_ms(span))}


def _length_ms(span: Span) -> int:
    return span.to_wall_ms - span.from_wall_ms
