"""The JSON Schema of site files: current, and in agreement with the reader, by an independent validator."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from edge.shell.siteschema import schema
from edge.shell.sitewords import TABLES

ROOT = Path(__file__).parent.parent.parent
GOOD = tomllib.loads((Path(__file__).with_name("good.toml")).read_text())


def test_the_copy_in_docs_is_current():
    """Make it again with: depot check --schema > docs/site.schema.json"""
    assert json.loads((ROOT / "docs/site.schema.json").read_text()) == schema()


def test_it_is_a_schema_and_takes_the_good_file():
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(GOOD)


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("site", "voltage_v", "230"), ("site", "currency", "usd"), ("site", "nmae", "x"),
        ("policy", "meter_silent_s", 11), ("utility", "broker", "https://x"), ("network", "root", "a/#"),
    ],
)  # fmt: skip
def test_it_refuses_what_the_reader_refuses(table, key, value):
    wrong = {**GOOD, table: {**GOOD[table], key: value}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(wrong)


def test_every_key_is_told_in_the_guide():
    guide = (ROOT / "docs/site-file.md").read_text()
    missing = [
        f"{table.title} {key.name}"
        for table in TABLES.values()
        for key in table.keys
        if f"`{key.name}`" not in guide
    ]
    assert missing == []
