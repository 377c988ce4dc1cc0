"""The brokers that `depot bench network` runs: Mosquitto alone, and a RabbitMQ cluster of three nodes.

Each is started in a folder of its own on loopback ports given by the system, and offers
    ports          of MQTT, one a node
    kill(node)     kill -9 of a node
    revive(node)   start it again, where there is no other to go on with
    memory_mb()    resident, all nodes together
    stop()

Source of the settings: rabbitmq.conf.example and the MQTT plugin's page of RabbitMQ 3.10; mosquitto.conf(5).
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

RABBIT = Path("/usr/lib/rabbitmq/bin")
MOSQUITTO_CONF = """user root
listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
max_inflight_messages 500
max_connections -1
persistence true
persistence_location {folder}/
autosave_interval 5
"""
RABBIT_CONF = """listeners.tcp.default = 127.0.0.1:{amqp}
mqtt.listeners.tcp.default = 127.0.0.1:{port}
mqtt.allow_anonymous = true
mqtt.durable_queue_type = quorum
mqtt.subscription_ttl = 604800000
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = {names[0]}
cluster_formation.classic_config.nodes.2 = {names[1]}
cluster_formation.classic_config.nodes.3 = {names[2]}
cluster_partition_handling = pause_minority
vm_memory_high_watermark.absolute = 2GB
disk_free_limit.absolute = 500MB
log.console = false
"""


def free_ports(count: int) -> list[int]:
    """Return ports that are free now."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def listens(port: int) -> bool:
    """Say whether somebody listens there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
        return True
    return False


def wait_for(port: int, within_s: float, what: str) -> None:
    """Wait until somebody listens.  Raises TimeoutError."""
    deadline = time.monotonic() + within_s
    while not listens(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} does not listen on port {port} within {within_s:g} s")
        time.sleep(0.1)


def resident_mb(pids: list[int]) -> int:
    """Return the resident memory of processes."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return total // 1024


class Mosquitto:
    """One Mosquitto; killed, it has to be started again."""

    name = "Mosquitto"
    nodes = 1

    def __init__(self, folder: Path) -> None:
        self.ports = free_ports(1)
        self._program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self._config = folder / "mosquitto.conf"
        self._config.write_text(MOSQUITTO_CONF.format(port=self.ports[0], folder=folder))
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def missing() -> str:
        found = shutil.which("mosquitto") or Path("/usr/sbin/mosquitto").exists()
        return "" if found else "apt-get install mosquitto"

    def version(self) -> str:
        said = subprocess.run([self._program, "-h"], capture_output=True, text=True, check=False).stdout
        return said.split("\n", 1)[0]

    def start(self) -> None:
        self._process = subprocess.Popen([self._program, "-c", str(self._config)], stderr=subprocess.DEVNULL)
        wait_for(self.ports[0], 20, self.name)

    def kill(self, node: int) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def revive(self, node: int) -> None:
        self.start()

    def memory_mb(self) -> int:
        return resident_mb([self._process.pid]) if self._process else 0

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)


class RabbitCluster:
    """Three RabbitMQ nodes on this machine with a name server (epmd) of their own."""

    name = "RabbitMQ cluster"
    nodes = 3

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        epmd, *rest = free_ports(10)
        self._epmd_port, self.ports, self._amqp, self._dist = epmd, rest[:3], rest[3:6], rest[6:9]
        self._nodes: list[subprocess.Popen[bytes] | None] = [None] * 3
        self._epmd: subprocess.Popen[bytes] | None = None
        self._names = [f"depot{n}@localhost" for n in range(3)]
        (folder / "plugins").write_text("[rabbitmq_mqtt].\n")
        (folder / "cookie-home").mkdir()
        cookie = folder / "cookie-home" / ".erlang.cookie"
        cookie.write_text("depotbench")
        cookie.chmod(0o400)

    @staticmethod
    def missing() -> str:
        return "" if (RABBIT / "rabbitmq-server").exists() else "apt-get install rabbitmq-server"

    def version(self) -> str:
        found = sorted((RABBIT.parent / "lib").glob("rabbitmq_server-*"))
        return f"RabbitMQ {found[-1].name.rpartition('-')[2]}" if found else "RabbitMQ"

    def start(self) -> None:
        epmd = next(iter(sorted(Path("/usr/lib/erlang").glob("erts-*/bin/epmd"))), Path("/usr/bin/epmd"))
        self._epmd = subprocess.Popen([str(epmd), "-port", str(self._epmd_port), "-address", "127.0.0.1"])
        for n in range(3):  # one after the other: the plugin's register of clients is joined, not merged
            self._start(n)
            wait_for(self.ports[n], 180, f"{self.name} node {n}")

    def _start(self, n: int) -> None:
        home = self._folder / f"node{n}"
        home.mkdir(exist_ok=True)
        config = home / "rabbitmq.conf"
        config.write_text(RABBIT_CONF.format(port=self.ports[n], amqp=self._amqp[n], names=self._names))
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self._folder / "cookie-home"), "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._epmd_port), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self._names[n], "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(self._dist[n]), "RABBITMQ_CONFIG_FILE": str(config),
            "RABBITMQ_MNESIA_BASE": str(home / "data"), "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            "RABBITMQ_PID_FILE": str(home / "pid"), "RABBITMQ_CONF_ENV_FILE": str(home / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
                "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none",
        }  # fmt: skip
        server = next((RABBIT.parent / "lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))
        with (home / "out").open("ab") as out:
            self._nodes[n] = subprocess.Popen(
                [str(server)], env=environment, stdout=out, stderr=out, start_new_session=True
            )

    def kill(self, node: int) -> None:
        process = self._nodes[node]
        assert process is not None
        os.killpg(process.pid, signal.SIGKILL)  # the shell and the Erlang machine, a session of our own
        process.wait()
        self._nodes[node] = None

    def revive(self, node: int) -> None:
        """Nothing: two nodes of three go on."""

    def memory_mb(self) -> int:
        found: list[int] = []
        for process in self._nodes:
            if process is not None:
                found += _session(process.pid)
        return resident_mb(found)

    def stop(self) -> None:
        for n in range(3):
            if self._nodes[n] is not None:
                self.kill(n)
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()


def _session(leader: int) -> list[int]:
    """Return the processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader:
                found.append(int(path.parent.name))
    return found
