"""The catalogues: all languages say the same things, and the pages ask for nothing that is not there."""

import ast
import string
from pathlib import Path

import pytest

from edge.web import texts
from edge.web.texts import LANGUAGES, catalogue, chosen, number, speaking, t

WEB = Path(texts.__file__).parent


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def forms(text: str | dict[str, str]) -> dict[str, str]:
    return {"": text} if isinstance(text, str) else text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_keys_and_placeholders(language: str) -> None:
    english, other = catalogue("en"), catalogue(language)
    assert set(other) == set(english)
    for key, text in other.items():
        theirs, ours = forms(text), forms(english[key])
        assert set(theirs) == set(ours), key
        assert set(ours) in ({""}, {"one", "other"}), key
        every = set().union(*(placeholders(part) for part in ours.values()))
        assert set().union(*(placeholders(part) for part in theirs.values())) == every, key
        assert all(part.strip() for part in theirs.values()), f"{key} is empty in {language}"


def test_german_is_german() -> None:
    """A text that is the same in both languages is a name or a figure, or it was forgotten."""
    same = {key for key, text in catalogue("en").items() if catalogue("de")[key] == text}
    letters = {key for key in same for part in forms(catalogue("en")[key]).values() if _words(part)}
    assert len(letters) <= max(5, len(catalogue("en")) // 10), sorted(letters)


def _words(text: str) -> str:
    plain = "".join(part for part, _, _, _ in string.Formatter().parse(text))
    return "".join(c for c in plain if c.isalpha())


def asked() -> list[tuple[str, str, set[str]]]:
    """Return where the pages ask for which key with which values, as far as the source says it."""
    found = []
    for path in sorted(WEB.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "t"):
                continue
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and all(k.arg for k in node.keywords):
                values = {k.arg for k in node.keywords if k.arg}
                found.append((f"{path.name}:{node.lineno}", str(first.value), values))
    return found


def test_pages_ask_for_keys_that_exist_with_the_values_that_they_take() -> None:
    english = catalogue("en")
    for where, key, values in asked():
        assert key in english, f"{where}: there is no text {key!r}"
        wanted = set().union(*(placeholders(part) for part in forms(english[key]).values()))
        wanted |= {"count"} if not isinstance(english[key], str) else set()
        assert wanted <= values, f"{where}: {key!r} takes {sorted(wanted)}"


def test_a_text_in_the_language_that_is_spoken() -> None:
    assert t("common.sign_in") == "Sign in"
    with speaking("de"):
        assert (t("common.sign_in"), number(1234.56, 1)) == ("Anmelden", "1\u202f234,6")
    assert (t("common.sign_in"), number(1234.56, 1)) == ("Sign in", "1,234.6")
    with pytest.raises(KeyError):
        t("common.nothing")


@pytest.mark.parametrize(
    ("wish", "header", "language"),
    [
        ("", "", "en"),
        ("", "de-DE,de;q=0.9,en;q=0.8", "de"),
        ("", "fr, de;q=0.3, en;q=0.4", "en"),
        ("", "en;q=0.4, DE-AT;q=0.5", "de"),
        ("", "de;q=0", "en"),
        ("", "de;q=nan, en;q=x", "en"),
        ("", ";;;,,,q=,de;level=1", "en"),
        ("de", "en", "de"),
        ("xx", "de", "de"),
        ("../../etc", "", "en"),
    ],
)
def test_the_language_for_somebody(wish: str, header: str, language: str) -> None:
    assert chosen(wish, header) == language
