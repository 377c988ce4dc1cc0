"""openadr3.yaml as a judge that shares nothing with our reader and writer: jsonschema with date-times."""

import copy
import functools
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import yaml

SPEC = Path(__file__).parent.parent / "vectors" / "openadr" / "openadr3.yaml"


def _json_schema(node: Any) -> Any:
    """OpenAPI 3.0 has `nullable` where JSON Schema has a type of null."""
    if isinstance(node, list):
        return [_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {
        key: _json_schema(value) for key, value in node.items() if key not in ("nullable", "discriminator")
    }
    return {"anyOf": [found, {"type": "null"}]} if node.get("nullable") is True else found


_TIMES = jsonschema.FormatChecker([])


@_TIMES.checks("date-time", ValueError)
def _is_rfc_3339(text: object) -> bool:
    """RFC 3339 by shape, and by the standard library for days that do not exist."""
    shape = re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", str(text))
    return shape is not None and datetime.fromisoformat(str(text)) is not None


@functools.cache
def components() -> dict[str, Any]:
    """Return the schemas of the specification, as JSON Schema."""
    spec = yaml.safe_load(SPEC.read_text())
    found: dict[str, Any] = _json_schema(spec["components"]["schemas"])
    return found


@functools.cache
def validator(kind: str, closed: bool = False, times: bool = False) -> jsonschema.Draft7Validator:
    """Return the judge of a schema component; see errors().  times: times that are none are wrong."""
    parts = copy.deepcopy(components())
    if closed:
        for schema in parts.values():
            _close(schema)
    schema = {"$ref": f"#/components/schemas/{kind}", "components": {"schemas": parts}}
    return jsonschema.Draft7Validator(schema, format_checker=_TIMES if closed or times else None)


def errors(kind: str, value: object, closed: bool = False) -> list[str]:
    """Return what is wrong with a value of a schema component.

    closed: unknown keys and times that are none are wrong as well.
    """
    found = validator(kind, closed).iter_errors(value)
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in found]


def _close(schema: Any) -> None:
    if isinstance(schema, dict):
        if "properties" in schema and "allOf" not in schema:
            schema["additionalProperties"] = False
        for value in list(schema.values()):
            _close(value)
    elif isinstance(schema, list):
        for value in schema:
            _close(value)


def report_errors(report: dict[str, Any]) -> list[str]:
    """Return what is wrong with a report: its shape, its payloads' values, its units and reading types."""
    found = errors("reportRequest", report, closed=True)
    kinds = yaml.safe_load((SPEC.parent / "report-payloads.schema.yaml").read_text())["definitions"]
    words = {
        name: yaml.safe_load((SPEC.parent / f"{name}.schema.yaml").read_text())["enum"]
        for name in ("units", "reading-types")
    }
    for each in report.get("payloadDescriptors") or []:
        if each.get("units", "KW") not in words["units"]:
            found.append(f"units {each['units']}")
        if each.get("readingType", "MEAN") not in words["reading-types"]:
            found.append(f"readingType {each['readingType']}")
    for resource in report["resources"]:
        for interval in resource["intervals"]:
            for payload in interval["payloads"]:
                validator = jsonschema.Draft7Validator(_value_schema(kinds[payload["type"]]))
                found += [f"{payload['type']}: {e.message}" for e in validator.iter_errors(payload["values"])]
    return found


def _value_schema(kind: dict[str, Any]) -> dict[str, Any]:
    """Return a payload type's schema as it is meant: SETPOINT is oneOf number, integer …; 40 is both."""
    kind = copy.deepcopy(kind)
    kind.pop("$id", None)  # not a URI that a validator could look up
    if "oneOf" in kind["items"]:
        kind["items"]["anyOf"] = kind["items"].pop("oneOf")
    return kind | {"components": {"schemas": components()}}
