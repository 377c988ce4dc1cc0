"""Help that fits the terminal: examples keep their lines, prose is filled, and nothing runs over the edge.

In an epilog, a line that begins with spaces is an example: a command, and after three spaces or more what
it does.  One that is too long has that on the next line, and a command that is still too long goes on
after a backslash, so that it can be pasted.  Other lines are prose up to the next empty line.
"""

import argparse
import re
import textwrap
from collections.abc import Iterator

_COMMENT = re.compile(r"(?P<command>\s*\S.*?)\s{3,}(?P<says>\S.*)")
_WORDS = re.compile(r"""(?:-\S+ )?(?:"[^"]*"|'[^']*'|[^\s"']+)+""")  # an option stays with its value
_DEEPER = "      "


class Help(argparse.HelpFormatter):
    """The formatter of every `depot` command."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(f"{indent}{line}" for line in fitted(text, width - len(indent)))


def fitted(text: str, width: int) -> Iterator[str]:
    """Yield the lines of a description or an epilog, none wider than the terminal where words allow it."""
    prose: list[str] = []
    for line in [*re.sub(r" *\\\n *", " ", text).rstrip("\n").split("\n"), ""]:
        begins = line.startswith("exit ")
        if prose and (begins or not line or line.startswith(" ")):
            yield from textwrap.wrap(
                " ".join(prose), width, subsequent_indent="  " if "exit" in prose[0][:4] else ""
            )
            prose = []
        if line.startswith(" "):
            yield from _example(line, width)
        elif line:
            prose.append(line)
        else:
            yield ""


def _example(line: str, width: int) -> Iterator[str]:
    if len(line) <= width:
        yield line
        return
    parts = _COMMENT.fullmatch(line)
    command, says = (parts["command"], parts["says"]) if parts else (line, "")
    indent = " " * (len(command) - len(command.lstrip()))
    if not command.lstrip().startswith("depot "):
        first = line[: line.rindex(says)] if says else indent
        yield from textwrap.wrap(says or line.strip(), width, initial_indent=first,
                                 subsequent_indent=" " * len(first), break_on_hyphens=False)  # fmt: skip
        return
    *before, last = _pasteable(_WORDS.findall(command), width - len(" \\"), indent)
    yield from [f"{each} \\" for each in before]
    yield last
    yield from textwrap.wrap(says, width, initial_indent=indent + _DEEPER, subsequent_indent=indent + _DEEPER)


def _pasteable(words: list[str], width: int, indent: str) -> Iterator[str]:
    """Yield a command in lines, cut between its words."""
    line = indent + words[0]
    for word in words[1:]:
        if len(line) + 1 + len(word) > width:
            yield line
            line = indent + _DEEPER + word
        else:
            line += f" {word}"
    yield line
