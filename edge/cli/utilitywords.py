"""What a depot understands of the utility's messages, and what its reports say, in words."""

import json
from datetime import UTC, datetime
from typing import Any

from edge.core.demand_terms import refusal
from edge.core.signals import SIGNALS, why_not
from edge.core.timeline import Stretch, stretches
from edge.model.openadr import OpenAdrEvent, Value
from edge.model.units import DAY_MS
from edge.shell import openadr

LINES = 12
SHOWN = 160


def event_words(operation: str, event: OpenAdrEvent, now_ms: int) -> list[str]:
    """Return how a depot reads an event: one line for it, one a stretch of the coming two days."""
    name = event.id + (f" ({event.name})" if event.name else "")
    head = f"{operation} event {name} of program {event.program_id}"
    if operation == "DELETE":
        return [head]
    units = {each.payload_type: each.units for each in event.payload_descriptors}
    found = stretches(event, now_ms, now_ms + 2 * DAY_MS)
    lines = [_stretch_words(each, units.get(each.type, "")) for each in found[:LINES]]
    if len(found) > LINES:
        lines.append(f"… and {len(found) - LINES} more")
    wanted = ", ".join(each.payload_type for each in event.report_descriptors)
    if not found:
        lines.append("no interval of it holds in the coming two days")
    return [head, *lines, *([f"reports wanted: {wanted}"] if wanted else [])]


def _stretch_words(stretch: Stretch, units: str) -> str:
    signal = SIGNALS.get(stretch.type)
    does = why_not(stretch.type, units)
    says = f"not obeyed: {does}" if does or signal is None else f"{signal.becomes}: {signal.says}"
    values = ", ".join(_value(each) for each in stretch.values[:6])
    return (
        f"{_span(stretch.from_wall_ms, stretch.to_wall_ms)}  {stretch.type} {values} {units}".rstrip()
        + f"; {says}"
    )


def _value(value: Value) -> str:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _span(from_ms: int, to_ms: int | None) -> str:
    end = "for ever" if to_ms is None else f"to {_time(to_ms)}"
    return f"{_time(from_ms)} {end}"


def _time(wall_ms: int) -> str:
    return datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def refused(event: OpenAdrEvent, currency: str) -> str | None:
    """Return why a depot would refuse an event that it can read; None if it would not."""
    return refusal(event, currency)


def message_words(topic: str, payload: bytes, now_ms: int) -> tuple[str, list[str]]:
    """Return what kind of message this is, and its words.  Never raises."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return "unreadable", [f"not JSON: {payload[:SHOWN]!r}"]
    if isinstance(value, dict) and isinstance(value.get("resources"), list):
        return "report", _report_words(value)
    try:
        operation, event = openadr.read(payload, topic, now_ms)
    except openadr.BadMessage as error:
        return "refused", [f"a depot refuses it: {error}"]
    return "event", event_words(operation, event, now_ms)


def _report_words(report: dict[str, Any]) -> list[str]:
    """Return a report as a table of its intervals."""
    lines = [f"report of {report.get('clientName')} on event {report.get('eventID')}"]
    units = {
        each.get("payloadType"): each.get("units", "") for each in _objects(report.get("payloadDescriptors"))
    }
    for resource in _objects(report.get("resources")):
        for interval in _objects(resource.get("intervals"))[:LINES]:
            told = "  ".join(
                f"{each.get('type')} {_values(each.get('values'))} {units.get(each.get('type'), '')}".rstrip()
                for each in _objects(interval.get("payloads"))
            )
            period = interval.get("intervalPeriod") or resource.get("intervalPeriod")
            when = f" from {period.get('start')}" if isinstance(period, dict) else ""
            lines.append(f"{resource.get('resourceName')} interval {interval.get('id')}{when}: {told}"[:400])
    return lines


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _values(values: Any) -> str:
    found = values if isinstance(values, list) else [values]
    return ",".join(f"{each:g}" if isinstance(each, float) else str(each) for each in found[:6])
