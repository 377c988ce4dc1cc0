"""The demonstration's depot with its I/O board, while what should tend it dies.

The board is its own firmware (board/), run as a process on the simulated RS-485 line; the daemon is
`depot run`; times are those at which the firmware wrote its relays.  What is measured is I4's last line: from
the last moment at which a heartbeat can have reached the board to open relays, at most its timeout + 100 ms.

A machine that does not let the firmware run for longer than a loop may take (board/README.md) adds that.

`make fuzz-board` measures every way of dying with the shortest timeout, as delivered, and with the longest.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.sim.control import ask
from edge.sim.demosite import make

DEPOT = [sys.executable, "-m", "edge.cli"]
SHORTEST_S, DELIVERED_S, LONGEST_S = 2, 10, 60
TIMEOUTS_S = (SHORTEST_S, DELIVERED_S, LONGEST_S)
SLACK_S = 0.1
LOOP_S = 0.025  # what a loop takes at most
GUARDED = 0b11


class Depot:
    """The simulator and the daemon, each a process."""

    def __init__(self, folder: Path, timeout_s: int = SHORTEST_S) -> None:
        self.timeout_s = timeout_s
        site = make(folder, {"depot-ven": "x", "depot": "x"}, 1, "5")
        text = re.sub(r"\[(utility|network)\]\n(?:[^\[\n].*\n|\n|\[\"[^\n]*\n)*", "", site.site.read_text())
        site.site.write_text(text.replace("timeout_s = 10", f"timeout_s = {timeout_s}"))
        self.site, self.folder = site, folder
        self.log = (folder / "log").open("wb")
        words = ["sim", "--site", str(site.site), "--control", str(site.control), "--json"]
        self.simulator = subprocess.Popen([*DEPOT, *words], stdout=subprocess.PIPE, stderr=self.log)
        assert self.simulator.stdout is not None and self.simulator.stdout.readline()
        self.daemon = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        words = ["run", "--site", str(self.site.site), "--state", str(self.site.state), "--port", "0"]
        return subprocess.Popen([*DEPOT, *words], stdout=self.log, stderr=self.log)

    def order(self, do: str, **more: Any) -> dict[str, Any]:
        return ask(self.site.control, {"do": do, **more})

    def relays(self) -> list[tuple[float, int]]:
        return [(ns / 1e9, bits) for ns, bits, _ in self.order("relays", device="io-board")["relays"]]

    def slack_s(self) -> float:
        """Return how late the last change may be: this machine may have kept the firmware from running."""
        stall_s = self.order("relays", device="io-board")["relays"][-1][2] / 1e9
        return SLACK_S + (stall_s if stall_s > LOOP_S else 0)

    def wait_for(self, relays: int, within_s: float, since_s: float = 0.0) -> float:
        """Return when the relays became so; time.monotonic() is the clock of the firmware's report."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            moved = self.relays()
            if moved and moved[-1][1] == relays and moved[-1][0] >= since_s:
                return moved[-1][0]
            time.sleep(0.05)
        pytest.fail(f"relays not {relays:#b} within {within_s} s: {self.relays()}\n{self.tail()}")

    def until(self, text: str, *words: str, within_s: float = 10) -> None:
        """Ask the daemon until its answer has this in it."""
        end = time.monotonic() + within_s
        command = [*DEPOT, *words, "--state", str(self.site.state), "--json"]
        while text not in (
            said := subprocess.run(command, capture_output=True, text=True, check=False).stdout
        ):
            assert time.monotonic() < end, f"{words}: no {text!r} in {said}"
            time.sleep(0.3)

    def tail(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        for process in (self.daemon, self.simulator):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                try:
                    process.wait(8)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self.log.close()


@pytest.fixture
def depot(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Depot]:
    running = Depot(tmp_path, getattr(request, "param", SHORTEST_S))
    try:
        running.wait_for(GUARDED, 40)
        time.sleep(1.5)  # a heartbeat in its usual rhythm
        yield running
    finally:
        running.stop()


def killed(depot: Depot) -> None:
    depot.daemon.kill()


def hung(depot: Depot) -> None:
    os.kill(depot.daemon.pid, signal.SIGSTOP)


def cut(depot: Depot) -> None:
    depot.order("cut", device="rs485")


WAYS = [(DELIVERED_S, killed), (SHORTEST_S, hung), (SHORTEST_S, cut)]
if "BOARD_ALL_TIMEOUTS" in os.environ:
    WAYS = [(timeout_s, dies) for timeout_s in TIMEOUTS_S for dies in (killed, hung, cut)]


@pytest.mark.parametrize(("depot", "dies"), WAYS, indirect=["depot"])
def test_relays_open_within_the_boards_timeout(depot: Depot, dies: Any, record_property: Any) -> None:
    dies(depot)
    died_s = time.monotonic()  # no heartbeat can have reached the board after this
    timeout_s = depot.timeout_s
    opened_s = depot.wait_for(0, timeout_s + 3, died_s - 0.1)
    beat_s = depot.order("relays", device="io-board")["beat_ns"] / 1e9
    after_s = opened_s - beat_s
    record_property("opened_after_ms", round(after_s * 1000))
    print(
        f"{timeout_s} s, {dies.__name__}: relays open {(after_s - timeout_s) * 1000:.0f} ms after the timeout"
    )
    assert timeout_s <= after_s <= timeout_s + depot.slack_s()
    assert opened_s - died_s <= timeout_s + depot.slack_s()
    assert depot.relays()[-1][1] == 0
    if dies is cut:
        depot.order("join", device="rs485")
        depot.wait_for(GUARDED, 40, opened_s)  # heartbeats are heard again, and relays close again


def test_the_operators_relay_and_the_emergency_stop(depot: Depot) -> None:
    depot.order("input", device="io-board", number=1, closed=True)
    turned_s = time.monotonic()
    opened_s = depot.wait_for(0, 3, turned_s - 0.1)  # as delivered, LIMITED leaves no relay closed
    assert opened_s - turned_s <= depot.slack_s() + 0.03  # without the gateway: the debounce is 30 ms
    depot.until("is open (LIMITED)", "why", "bay-5")
    depot.until("80 A by the grid operator's relay at io-board", "status")
    depot.order("input", device="io-board", number=1, closed=False)
    depot.wait_for(GUARDED, 20, opened_s)
    depot.order("input", device="io-board", number=2, closed=False)
    pressed_s = time.monotonic()
    assert depot.wait_for(0, 3, pressed_s - 0.1) - pressed_s <= depot.slack_s() + 0.03
    depot.until("emergency stop at io-board", "why", "bay-5")
    depot.order("input", device="io-board", number=2, closed=True)
    time.sleep(3)
    assert depot.relays()[-1][1] == 0  # latched: releasing it is not enough
    depot.order("input", device="io-board", number=4, closed=True)  # the reset button
    time.sleep(0.2)
    depot.order("input", device="io-board", number=4, closed=False)
    depot.wait_for(GUARDED, 20, time.monotonic() - 0.3)
