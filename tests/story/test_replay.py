"""What the flight recorder writes gives the same commands again (I6)."""

from pathlib import Path

import pytest

from edge.core.controller import Controller
from edge.model.flow import AnyCommand, AnyEvent, Identified, Tick
from edge.shell.recorder import STRETCH_MS, Recorder, replay
from tests.story.sites import WALL_MS, depot
from tests.story.test_invariants import World


def play(recorder: Recorder, seconds: int) -> tuple[Controller, list[AnyCommand]]:
    site = depot(3)
    world, controller = World(site, 7), Controller(site)
    said: list[AnyCommand] = []

    def take(event: AnyEvent) -> None:
        recorder.take(event, controller)
        commands = controller.handle(event)
        said.extend(commands)
        world.obey(commands)

    for charger in site.chargers:
        take(Identified(0, charger.id, {}))
    for _ in range(seconds * 10):
        for event in world.step():
            take(event)
        if world.now % 1_000 == 0:
            for event in world.happen():
                take(event)
            take(Tick(world.now, WALL_MS + world.now))
    return controller, said


@pytest.mark.parametrize("seconds", [30, STRETCH_MS // 1_000 + 60])
def test_a_recording_gives_the_same_commands_again(tmp_path: Path, seconds: int) -> None:
    recorder = Recorder(tmp_path)
    _, said = play(recorder, seconds)
    controller, events = replay(recorder.write("yard", "test", WALL_MS))
    again = [command for event in events for command in controller.handle(event)]
    assert len(again) > 50
    assert again == said[-len(again) :]


def test_only_the_newest_recordings_are_kept(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    play(recorder, 2)
    for n in range(30):
        recorder.write("yard", "test", WALL_MS + n)
    assert len(list(tmp_path.iterdir())) == 20
    assert (tmp_path / f"{WALL_MS + 29}.json").exists()
