"""What the commands share that ask the running daemon: where it is, how to ask it, tables for people."""

import argparse
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from edge.cli import CallError
from edge.shell import control
from edge.shell.answers import DeskError
from edge.shell.controlask import Ask

STATE = "/var/lib/depot-edge"
STATE_VARIABLE = "DEPOT_STATE"

WIDTH_MIN, WIDTH_MAX = 60, 120

T = TypeVar("T")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that asks the daemon."""
    parser.add_argument(
        "--state",
        metavar="DIR",
        type=Path,
        default=Path(os.environ.get(STATE_VARIABLE, STATE)),
        help=f"the daemon's state directory (default: ${STATE_VARIABLE}, else {STATE})",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def ask(state: Path, request: Ask, kind: type[T]) -> T:
    """Return the daemon's answer as the type that it has.

    Raises CallError where no daemon answers, or where it says that the question is wrong.
    """
    try:
        return msgspec.convert(control.ask(state, request), kind)
    except control.NoDaemonError as error:
        raise CallError(f"{error}; --state DIR or {STATE_VARIABLE} names another directory") from None
    except DeskError as error:
        raise CallError(str(error)) from None
    except msgspec.ValidationError as error:
        raise CallError(
            f"the daemon at {state} answers differently than this command expects: {error}"
        ) from None


def print_json(answer: Any) -> None:
    """Print an answer as the one JSON document on standard output."""
    json.dump(msgspec.to_builtins(answer), sys.stdout, indent=1, ensure_ascii=False)
    print()


def width() -> int:
    """Return how wide text may be: the terminal's width, 80 where there is none."""
    return max(WIDTH_MIN, min(WIDTH_MAX, shutil.get_terminal_size((80, 24)).columns))


def hanging(first: str, text: str) -> str:
    """Return text behind its first words, as wide as the terminal; it wraps under itself."""
    return textwrap.fill(text, width(), initial_indent=first, subsequent_indent=" " * len(first))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Return rows under a head, as wide as the terminal; the last column wraps under itself.

    right: the columns that stand at their right edge.
    """
    lines = [head, *rows]
    count = len(head) - 1
    widths = [max(len(line[i]) for line in lines) for i in range(count)]
    indent = sum(widths) + 2 * count
    room = max(16, width() - indent)
    text = []
    for line in lines:
        cells = [line[i].rjust(widths[i]) if i in right else line[i].ljust(widths[i]) for i in range(count)]
        first, *more = textwrap.wrap(line[-1], room) or [""]
        text.append("  ".join([*cells, first]).rstrip())
        text += [" " * indent + each for each in more]
    return "\n".join(text)
