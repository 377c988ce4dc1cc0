"""Reads a tariff file into model.tariff.Tariff: a native one (TOML or JSON), or a rate in URDB shape (JSON).

    load(path, timezone="") -> Tariff      raises TariffRefused: file, key, what was found, what was expected

docs/tariffs.md describes both; docs/tariff.schema.json helps editors with native ones.
"""

import difflib
import json
import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from edge.model.tariff import Tariff
from edge.shell import tariffread, urdb
from edge.shell.tariffread import TariffWrong
from edge.shell.tariffwords import TariffWords

# "Expected `decimal`, got `object` - at `$.energy[1].price`"
_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<key>.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(.+)`")
_WORDS = {"decimal": "number", "str": "text", "object": "table", "array": "list", "int": "whole number"}


class TariffRefused(Exception):
    """The file cannot be read or is not a tariff.  The text names file and key, a line for each mistake."""


class TariffUnreadable(TariffRefused):
    """The file cannot be read, or is neither TOML nor JSON."""


def load(path: Path | str, timezone: str = "") -> Tariff:
    """Return the tariff of a file.  timezone: where the file has none.

    Raises TariffRefused if it cannot be read or is not a tariff.
    """
    where = Path(path)
    document = _document(where)
    try:
        if isinstance(document, dict) and ("tariff" in document or where.suffix == ".toml"):
            return tariffread.tariff_of(_words(document), timezone)
        return urdb.tariff_of(document, where.stem, timezone)
    except TariffWrong as wrong:
        raise TariffRefused("\n".join(f"{where}: {mistake}" for mistake in wrong.mistakes)) from None


def _document(where: Path) -> Any:
    try:
        text = where.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise TariffUnreadable(f"{where}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise TariffUnreadable(f"{where}: cannot be read: {error}") from None
    kind = "TOML" if where.suffix == ".toml" else "JSON"
    try:
        if kind == "TOML":
            return tomllib.loads(text, parse_float=Decimal)
        document = json.loads(text, parse_float=Decimal)
        # Programs that saved the answer of the URDB service often saved it as one text.
        return json.loads(document, parse_float=Decimal) if isinstance(document, str) else document
    except (ValueError, RecursionError) as error:
        raise TariffUnreadable(f"{where}: not {kind}: {error}") from None


def _words(document: dict[str, Any]) -> TariffWords:
    """Return the file's words.  Raises TariffWrong with the first that is none."""
    try:
        return msgspec.convert(document, TariffWords)
    except msgspec.ValidationError as error:
        raise TariffWrong([_told(str(error))]) from None


def _told(message: str) -> str:
    """Return msgspec's message in our order: key, then what was expected."""
    match = _AT.match(message)
    assert match is not None  # every part of the pattern may be empty
    key, what = match["key"] or "", match["what"]
    if unknown := _UNKNOWN.search(what):
        near = difflib.get_close_matches(unknown[1], _known_keys(), n=1)
        hint = f' (did you mean "{near[0]}"?)' if near else ""
        return f"{key}.{unknown[1]}".lstrip(".") + f": is not known{hint}"
    for theirs, ours in _WORDS.items():
        what = what.replace(f"`{theirs}`", f"a {ours}").replace(f"`{theirs} | null`", f"a {ours}")
    what = what.replace("`", '"').replace("Expected", "expected").replace("got", "found")
    return f"{key or 'top level'}: {what}"


def _known_keys() -> list[str]:
    tables = msgspec.json.schema(TariffWords)["$defs"].values()
    return sorted({key for table in tables for key in table["properties"]})
