"""A PostgreSQL of its own for tests, on a free loopback port: Debian's binaries, a cluster thrown away."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fakes.brokers import free_port


def binaries() -> Path | None:
    """Return the folder of initdb and pg_ctl, None where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def postgres() -> Iterator[str]:
    """Run a server; give the URL of its database.  As root it runs as the user postgres, as it demands."""
    bin_ = binaries()
    assert bin_ is not None
    root = os.geteuid() == 0
    user = "postgres" if root else pwd.getpwuid(os.geteuid()).pw_name
    as_user = {"user": user} if root else {}
    folder = Path(tempfile.mkdtemp(prefix="depot-pg-", dir="/tmp"))
    if root:
        shutil.chown(folder, user)
    port = free_port()
    data = folder / "data"

    def run(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True, cwd="/", **as_user)

    try:
        run(str(bin_ / "initdb"), "-D", str(data), "-A", "trust", "-U", "depot", "--no-sync", "-E", "UTF8")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        run(str(bin_ / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://depot@127.0.0.1:{port}/postgres"
        finally:
            run(str(bin_ / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
