"""The demonstration's site file with free ports, passwords and a folder of its own filled in."""

import random
import re
import shutil
import socket
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from edge.sim.servers import SERVICE

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now.

    They lie below the range from which Linux gives ports to whoever connects (ip_local_port_range, from
    32768): one of that range may be taken before its owner has started.
    """
    found: list[int] = []
    for port in random.sample(range(20_000, 32_000), 12_000):
        if len(found) == count:
            break
        if is_free(port):
            found.append(port)
    return found


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of this machine."""
    try:
        socket.create_server(("", port)).close()
    except OSError:
        return False
    return True


def is_free_here(port: int) -> bool:
    """Whether nobody answers on a port of the loopback."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return True
    return False


@dataclass(frozen=True)
class DemoSite:
    """Where everything of a demonstration is."""

    folder: Path
    site: Path
    broker_port: int

    @property
    def control(self) -> Path:
        """The simulator's own channel."""
        return self.folder / "twin.sock"

    @property
    def service(self) -> Path:
        """The serial line's second door: the line itself has one master, the daemon."""
        return self.folder / f"rs485{SERVICE}"

    @property
    def example(self) -> Path:
        """An event of the utility, to publish by hand."""
        return self.folder / "event.json"

    @property
    def state(self) -> Path:
        """The daemon's state directory."""
        return self.folder / "state"


def make(folder: Path, passwords: dict[str, str], broker_port: int, protocol: str) -> DemoSite:
    """Copy the example site into `folder`, with ports that are free and secrets of this run.

    Every "127.0.0.1:PORT" of a device becomes a free port, the same for the same; the brokers' address
    becomes broker_port.
    """
    with as_file(files("edge.sim") / "data") as data:
        text = (data / "demo.toml").read_text(encoding="utf-8")
        shutil.copy(data / "pge_bev_2_s.toml", folder)
    drawn = sorted(set(re.findall(r'tcp = "127\.0\.0\.1:(\d+)"', text)))
    for old, new in zip(drawn, free_ports(len(drawn)), strict=True):
        text = text.replace(f'tcp = "{LOOPBACK}:{old}"', f'tcp = "{LOOPBACK}:{new}"')
    text = re.sub(r"@127\.0\.0\.1:\d+", f"@{LOOPBACK}:{broker_port}", text)
    text = text.replace("/tmp/depot-demo-rs485", str(folder / "rs485"))
    text = text.replace('protocol = "5"', f'protocol = "{protocol}"')
    site = folder / "site.toml"
    site.write_text(text, encoding="utf-8")
    for link, user in (("utility", "depot-ven"), ("network", "depot")):
        secret = folder / f"{link}.password"
        secret.touch(0o600)
        secret.write_text(passwords[user])
    (folder / "state").mkdir(0o700)
    return DemoSite(folder, site, broker_port)
