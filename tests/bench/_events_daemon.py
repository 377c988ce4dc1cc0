"""The daemon of `depot bench events`: as `depot run`, but the load comes back at once after an event.

In a real depot that takes two minutes, and two hundred events would take a day.  Nothing of what is measured
depends on it.
"""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from msgspec.structs import replace

from edge.shell import sitefile
from edge.shell.daemon import Daemon


async def run(site_file: str, state: str) -> None:
    """Run until SIGTERM."""
    site = sitefile.load(site_file)
    daemon = Daemon(replace(site, response=replace(site.response, ramp_up_ms=0)), None, Path(state))
    task = asyncio.ensure_future(daemon.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
