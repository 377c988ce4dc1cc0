"""The real application on a real port, over a desk that a test feeds tick by tick."""

import asyncio
import threading
from concurrent.futures import Future

from edge.model.records import TickRecord
from edge.model.site import Site
from edge.web.app import app
from edge.web.serve import serve
from tests.fakes.depot_records import START_WALL_MS, record, site
from tests.fakes.desk import Rig


class Served:
    """A depot on http://127.0.0.1:<port>; the network between it and a page can be cut."""

    def __init__(self, drawn: Site | None = None) -> None:
        self.site = drawn or site()
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._serving: asyncio.Task[None] | None = None
        self.rig = Rig(self.site)
        self.connect()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def tick(self, second: int) -> None:
        """Let a second of the story be decided."""
        self.feed(record(self.site, second), second)

    def feed(self, made: TickRecord, second: int) -> None:
        """Let a tick be what the test made."""

        def note() -> None:
            self.rig.at_ms, self.rig.wall_ms = 1_000_000 + second * 1000, START_WALL_MS + second * 1000
            self.rig.desk.noted(made)

        self._do(note)

    def connect(self) -> None:
        """Serve: a daemon has started, at the same address as before."""
        bound: Future[int] = Future()
        self.rig = Rig(self.site)

        def start() -> None:
            coming = serve(app(self.rig.desk), "127.0.0.1", self.port, bound.set_result)
            self._serving = self._loop.create_task(coming)

        self._do(start)
        self.port = bound.result(10)

    def cut(self) -> None:
        """Stop serving: the daemon is gone."""

        async def stop() -> None:
            assert self._serving
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(10)
        self._serving = None

    def close(self) -> None:
        """End everything."""
        if self._serving:
            self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, what: object) -> None:
        async def run() -> None:
            what()  # type: ignore[operator]

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)
