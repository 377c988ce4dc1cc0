"""The daemon's own sentences (reasons, states, promises) in the language of who looks.

    said("panel-a L2 is full: breaker 63 A, other load 8 A; asks for 16 A")
        -> "panel-a L2 ist voll: Sicherung 63 A, andere Last 8 A; möchte 16 A"

The core gives its reasons in English (I7), for the terminal, the log and the API.  A page in another language
finds the sentence among those of the catalogue `sentences` and takes the same one of the other catalogue.

Rule 1: {why}, {text} and figures are sentences again; {name}, {node}, {vehicle} and {place} are names, and
        left as they are.
Rule 2: what is not in the catalogue is shown as it was said: a reason in English is better than none.
"""

import re
from collections.abc import Callable
from functools import cache, lru_cache

from edge.web.texts import FIRST, SIGNS, catalogue, language

TOPIC = "sentences."
NAMES = {"name", "node", "vehicle", "place", "charger", "other"}

# Longer than anything that is said in one go: not looked for, shown as it is.
LONGEST = 800

PLACEHOLDER = re.compile(r"\{(\w+)\}")
FIGURE = re.compile(r"(?<![\d.])(-?\d+)\.(\d+)(?= ?(?:A|W|kW|kWh|%|[A-Z]{3})\b|%| %)")
DAY = re.compile(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?= \d\d:\d\d)")
SPLIT = ("; ", " · ", ". ")


def said(text: str) -> str:
    """Return a sentence of the daemon in the language that is spoken here."""
    spoken = language()
    return text if spoken == FIRST or not text else _said(text, spoken)


@lru_cache(maxsize=4096)
def _said(text: str, spoken: str) -> str:
    if len(text) > LONGEST:
        return text
    for pattern, template in _patterns(spoken):
        if match := pattern.fullmatch(text):
            values = {
                name: value if name.rstrip("0123456789") in NAMES else _said(value, spoken)
                for name, value in match.groupdict().items()
            }
            return template.format_map(values)
    for mark in SPLIT:
        if mark in text:
            return mark.join(_said(part, spoken) for part in text.split(mark))
    if text.endswith(".") and len(text) > 1:
        return _said(text[:-1], spoken) + "."
    return _figures(text, spoken)


@cache
def _patterns(spoken: str) -> list[tuple[re.Pattern[str], str]]:
    """Return what is looked for, the most particular first, and what is said instead."""
    first, other = catalogue(FIRST), catalogue(spoken)
    found = []
    for key, text in first.items():
        instead = other[key]
        if key.startswith(TOPIC) and isinstance(text, str) and isinstance(instead, str):
            found.append((len(PLACEHOLDER.sub("", text)), text, instead))
    found.sort(key=lambda each: -each[0])
    return [(re.compile(_pattern(text), re.DOTALL), instead) for _, text, instead in found]


def _pattern(text: str) -> str:
    parts = PLACEHOLDER.split(text)  # text, name, text, name, … text
    return "".join(re.escape(p) if n % 2 == 0 else f"(?P<{p}>.+?)" for n, p in enumerate(parts))


def _figures(text: str, spoken: str) -> str:
    """Return a text with its figures and weekdays as they are written in a language."""
    sign = SIGNS[spoken][0]
    days = _days(spoken)
    text = FIGURE.sub(lambda found: f"{found[1]}{sign}{found[2]}", text)
    return DAY.sub(lambda found: days(found[1]), text)


@cache
def _days(spoken: str) -> Callable[[str], str]:
    texts = catalogue(spoken)
    return lambda day: str(texts[f"days.{day.lower()}"])
