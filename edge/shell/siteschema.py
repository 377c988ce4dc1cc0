"""The JSON Schema of a site file, so that editors help: made from the rows of sitewords.py.

    schema() -> dict          JSON Schema 2020-12 of the TOML as an editor sees it

It says what one key may be; what concerns more than one key only `depot check` says.  The copy in
docs/site.schema.json comes from `depot check --schema`, and a test keeps it current.
"""

from typing import Any

from edge.shell.sitekey import Table
from edge.shell.sitewords import TABLES


def schema() -> dict[str, Any]:
    """Return the schema of the whole file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "depot-edge site file",
        "type": "object",
        "additionalProperties": False,
        "required": [table.name for table in TABLES.values() if table.required],
        "properties": {name: _of(table) for name, table in TABLES.items()},
    }


def _of(table: Table) -> dict[str, Any]:
    one: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "required": [key.name for key in table.keys if key.required],
        "properties": {key.name: {"description": key.says, **key.kind.schema} for key in table.keys},
    }
    if not table.many:
        return {"description": table.says, **one}
    many: dict[str, Any] = {"description": table.says, "type": "array", "items": one}
    return many | ({"minItems": 1} if table.required else {})
