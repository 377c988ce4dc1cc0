"""The flight recorder: the last quarter of an hour, written out when something happens.

A file holds the controller as it was at the beginning (a pickle: it is read back by the same release only,
and only from the gateway's own folder) and every event since.  Fed with them, it gives the same commands
again (I6); `tests/story/test_replay.py` holds it to that.
"""

import pickle
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from edge.core.controller import Controller
from edge.model.flow import AnyEvent

# Two stretches are kept, the older one whole: between 7.5 and 15 minutes.
STRETCH_MS = 15 * 60_000 // 2
FILES_MAX = 20  # the oldest make room: an SD card is small


class Recording(msgspec.Struct, frozen=True):
    """A file of the recorder.  controller: pickled, as it was before the first of the events."""

    site: str
    why: str
    wall_ms: int
    controller: bytes
    events: list[AnyEvent]


@dataclass
class _Stretch:
    since_ms: int
    controller: bytes
    events: list[bytes] = field(default_factory=list)


class Recorder:
    """Keeps events encoded: a quarter of an hour of them as objects is several times larger."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stretches: deque[_Stretch] = deque(maxlen=2)
        self._encoder = msgspec.json.Encoder()

    def take(self, event: AnyEvent, controller: Controller) -> None:
        """Keep an event; call it before the controller handles it."""
        if not self._stretches or event.at_ms - self._stretches[-1].since_ms >= STRETCH_MS:
            self._stretches.append(_Stretch(event.at_ms, pickle.dumps(controller)))
        self._stretches[-1].events.append(self._encoder.encode(event))

    def write(self, site: str, why: str, wall_ms: int) -> Path:
        """Write what is kept to a new file and return its path.

        Raises OSError if the folder cannot be written; the caller notes it and goes on controlling.
        """
        decoder = msgspec.json.Decoder(AnyEvent)
        kept = [decoder.decode(line) for stretch in self._stretches for line in stretch.events]
        recording = Recording(site, why, wall_ms, self._stretches[0].controller, kept)
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{wall_ms}.json"
        path.write_bytes(msgspec.json.encode(recording))
        for old in sorted(self._folder.glob("*.json"))[:-FILES_MAX]:
            old.unlink()
        return path


def replay(path: Path) -> tuple[Controller, list[AnyEvent]]:
    """Return the controller and the events of a recording.

    Raises msgspec.DecodeError if the file is torn, pickle.UnpicklingError or AttributeError if it was
    written by a release whose controller was another.
    """
    recording = msgspec.json.decode(path.read_bytes(), type=Recording)
    controller = pickle.loads(recording.controller)
    assert isinstance(controller, Controller)
    return controller, recording.events
