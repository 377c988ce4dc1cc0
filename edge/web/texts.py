"""The page's texts, in the language of who looks.

    t("now.title")                  the text of a key, in the language that is spoken here and now
    t("now.bays", count=3)          with values; of a text with `one` and `other`, `count` chooses
    number(41.25, 1)                41.3 in English, 41,3 in German
    with speaking("de"): …          all that is made inside is in German

Catalogues are edge/web/catalogues/<language>/<topic>.toml, one file a page; a key is `topic.key`.  A value is
a text with {placeholders}, or a table with `one` and `other`.

Rule 1: every text that a person sees on a page stands in a catalogue; what somebody has named (a bay, an
        event, a vehicle) is a value.
Rule 2: all languages have the same keys with the same placeholders (tests/browser/test_texts.py).
Rule 3: a text is text: markup.py escapes it as any other.

The language is the task's: the door (access.py) sets it for every request.
"""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from types import MappingProxyType

# The first one is spoken where none is asked for that we have.
LANGUAGES = MappingProxyType({"en": "English", "de": "Deutsch"})
FIRST = "en"

# Decimal sign and thousands separator (narrow no-break space in German: DIN 1333).
SIGNS = {"en": (".", ","), "de": (",", "\u202f")}

WEIGHTS_MAX = 20

_spoken: ContextVar[str] = ContextVar("spoken", default=FIRST)

Catalogue = dict[str, str | dict[str, str]]


@cache
def catalogue(language: str) -> Catalogue:
    """Return all texts of a language by `topic.key`."""
    found: Catalogue = {}
    folder = files("edge.web") / "catalogues" / language
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        topic, _, ending = file.name.partition(".")
        if ending == "toml":
            found |= {f"{topic}.{key}": text for key, text in tomllib.loads(file.read_text("utf-8")).items()}
    return found


def t(key: str, **values: object) -> str:
    """Return the text of a key with its values filled in.  Raises KeyError where there is none."""
    text = catalogue(_spoken.get())[key]
    if not isinstance(text, str):
        text = text["one" if values["count"] == 1 else "other"]
    return text.format_map(values) if values else text


def number(value: float, digits: int = 0) -> str:
    """Return a number with so many digits behind the decimal sign, as it is written in the language."""
    sign, thousands = SIGNS[_spoken.get()]
    return f"{value:,.{digits}f}".translate({ord(","): thousands, ord("."): sign})


def language() -> str:
    """Return the language that is spoken here and now: for <html lang>."""
    return _spoken.get()


def speak(chosen: str) -> None:
    """Speak a language from here on, in this task."""
    _spoken.set(chosen if chosen in LANGUAGES else FIRST)


@contextmanager
def speaking(chosen: str) -> Iterator[None]:
    """Speak a language inside."""
    before = _spoken.set(chosen if chosen in LANGUAGES else FIRST)
    try:
        yield
    finally:
        _spoken.reset(before)


def chosen(wish: str, accept_language: str) -> str:
    """Return the language for somebody: the one wished for, else the best of an Accept-Language header.

    Source: RFC 9110, 12.5.4 (weights; a range matches by its primary tag).
    """
    if wish in LANGUAGES:
        return wish
    best, best_weight = FIRST, 0.0
    for part in accept_language.split(",")[:WEIGHTS_MAX]:
        tag, _, parameter = part.partition(";")
        primary = tag.strip().lower().partition("-")[0]
        weight = _weight(parameter)
        if primary in LANGUAGES and weight > best_weight:
            best, best_weight = primary, weight
    return best


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        return min(1.0, max(0.0, float(value))) if name.strip() == "q" else 0.0
    except ValueError:
        return 0.0
