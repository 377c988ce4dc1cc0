"""What a person at a terminal meets: help that fits 80 columns, completion in bash, and `depot top` in a
terminal emulator (pyte), with keys."""

import argparse
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pyte
import pytest

from edge.cli import COMMANDS, command_line, helptext, main
from edge.cli.progress import Progress
from tests.shell.test_control_cli import state

__all__ = ["state"]

Capture = pytest.CaptureFixture[str]

DOWN = b"\x1bOB"


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield every command, and every command below it, with its words."""

    def below(words: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
        yield words, parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, each in action.choices.items():
                    yield from below(f"{words} {name}", each)

    yield from below("depot", command_line(COMMANDS))


@pytest.mark.parametrize(("words", "parser"), list(parsers()), ids=lambda x: x if isinstance(x, str) else "")
def test_help_fits_eighty_columns(
    words: str, parser: argparse.ArgumentParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = parser.format_help()
    assert max(len(line) for line in text.splitlines()) <= 80
    if words.count(" ") == 1:
        assert f"{words} " in (parser.epilog or ""), "its help shows no example"


def test_a_long_example_is_cut_where_a_shell_takes_it(tmp_path: Path) -> None:
    """A shell that reads the lines as they stand gets the same words."""
    long = 'depot outage add vandalism --port US-NRT-E3 --evidence "cable cut;  police report" --from 08:00'
    lines = list(helptext.fitted(f"  {long}", 60))
    assert len(lines) > 1
    assert max(len(line) for line in lines) <= 60
    shell = ["bash", "-c", 'depot() { printf "%s\\n" "$@"; }\n' + "\n".join(lines)]
    plain = ["bash", "-c", 'depot() { printf "%s\\n" "$@"; }\n' + long]
    assert subprocess.check_output(shell) == subprocess.check_output(plain)


def test_prose_is_filled_and_exits_hang() -> None:
    text = "one two\nthree four\nexit 0: done.  1: the answer is no, for once.\n\nlast"
    assert list(helptext.fitted(text, 18)) == [
        "one two three four",
        "exit 0: done.  1:",
        "  the answer is",
        "  no, for once.",
        "",
        "last",
        "",
    ]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["depot", "win"], ["window"]),
        (["depot", "window", ""], ["add", "import", "list", "remove"]),
        (["depot", "window", "add", "--k"], ["--km", "--kwh-per-km"]),
        (["depot", "uptime", "--rules", "cal"], ["california"]),
    ],
)
def test_bash_completes(typed: list[str], offered: list[str], capsys: Capture, tmp_path: Path) -> None:
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "depot"
    script.write_text(capsys.readouterr().out, encoding="utf-8")
    words = " ".join(f"'{word}'" for word in typed)
    ask = f"source {script}; COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; _shtab_depot; " + (
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    found = subprocess.check_output(["bash", "-c", ask], text=True).split()
    assert set(offered) <= set(found)
    assert all(each.startswith(typed[-1]) for each in found)


def test_long_work_tells_its_share_and_the_time_left(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four steps of 30 s each; away from a terminal a line at most every five seconds."""
    now = iter([0.0, 30.0, 31.0, 60.0, 90.0, 120.0])
    monkeypatch.setattr("edge.cli.progress.time.monotonic", lambda: next(now))
    progress = Progress(4)
    progress.step("10.0.0.1")
    progress.step("10.0.0.2", count=0)  # a second later: not told
    for host in ("10.0.0.2", "10.0.0.3", "10.0.0.4"):
        progress.step(host)
    progress.end()
    assert capsys.readouterr().err.splitlines() == [
        "10.0.0.1: 25 %, about 2 min left",
        "10.0.0.2: 50 %, about 60 s left",
        "10.0.0.3: 75 %, about 30 s left",
        "10.0.0.4: 100 %, about 0 s left",
    ]


class Terminal:
    """`depot top` in a terminal of 24 lines and 80 columns."""

    def __init__(self, state: Path) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm-256color"
            os.execv(sys.executable, [sys.executable, "-m", "edge.cli", "top", "--state", str(state)])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def until(self, words: str) -> None:
        """Read what is drawn until the words stand there."""
        end = time.monotonic() + 20
        while words not in self.text:
            assert time.monotonic() < end, f"no {words!r} on\n{self.text}"
            if select.select([self.fd], [], [], 0.2)[0]:
                self._stream.feed(os.read(self.fd, 65536))

    def press(self, keys: bytes, until: str) -> None:
        os.write(self.fd, keys)
        self.until(until)

    def leave(self) -> int:
        os.write(self.fd, b"q")
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self._stream.feed(os.read(self.fd, 65536))
                except OSError:  # it has closed its terminal
                    break
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_top_shows_the_depot_and_answers_keys(state: Path) -> None:
    terminal = Terminal(state)
    terminal.until("q leave")
    for words in ("Harbour Street depot", "price: 0.20199 USD/kWh until 16:00", " panel-a ", "bay-5 "):
        assert words in terminal.text
    terminal.press(DOWN + DOWN, "\nbay-3: ")
    terminal.press(b"\r", "\nbay-3 gets 8 A because main L2 is full")
    assert "\nwhy bay-3" in terminal.text
    terminal.press(b" ", "q leave  ↑↓ choose")
    terminal.press(b"s", "WHY (by trouble)")
    terminal.press(b"e", "the utility's events")
    assert "peak save: at most 40.0 kW" in terminal.text
    assert terminal.leave() == 0


def test_top_ends_when_its_terminal_is_closed_even_where_hangups_are_ignored(state: Path) -> None:
    """As under nohup: nobody is told, and it must not look for keys for ever."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as the child inherits it
    try:
        terminal = Terminal(state)
        terminal.until("q leave")
    finally:
        signal.signal(signal.SIGHUP, before)
    os.close(terminal.fd)
    end = time.monotonic() + 20
    while os.waitpid(terminal.pid, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            os.kill(terminal.pid, signal.SIGKILL)
            os.waitpid(terminal.pid, 0)
            pytest.fail("it still looks for keys")
        time.sleep(0.05)


def test_top_in_a_pipe_is_one_picture(state: Path, capsys: Capture) -> None:
    assert main(["top", "--once"]) == 0
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "Harbour Street depot" in text
    assert "q leave" not in text


def test_top_without_a_daemon_says_where_it_looked(tmp_path: Path, capsys: Capture) -> None:
    assert main(["top", "--state", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
