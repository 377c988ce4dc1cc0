"""A broker for the demonstration: Mosquitto where it is installed, else amqtt from PyPI, in a process.

Loopback only, with a login and topics of its own for every party, as a real broker has.  It keeps nothing:
what must survive is in the daemon's outbox.
"""

import getpass
import json
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

MOSQUITTO = ("mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto")

# user -> what it may do.  The daemon has two: one for the utility, one for the network.
ACCESS = {
    "depot-ven": ("read utility/programs/#", "write utility/reports/#", "write utility/reports"),
    "depot": ("readwrite network/demo-depot/#",),
    "utility": ("readwrite utility/#",),
    "network": ("readwrite network/#",),
    "observer": ("read utility/#", "read network/#"),
}


class NoBroker(Exception):
    """There is neither Mosquitto nor amqtt."""


@dataclass
class BrokerFiles:
    """A broker's configuration in `folder`, and how to start it.  passwords: by user."""

    folder: Path
    port: int
    kind: str = ""
    passwords: dict[str, str] = field(default_factory=dict)

    def command(self) -> list[str]:
        """Write what it needs, and return its command line.  Raises NoBroker."""
        self.passwords = {user: secrets.token_urlsafe(16) for user in ACCESS}
        program = next((found for name in MOSQUITTO if (found := shutil.which(name))), None)
        if program and shutil.which("mosquitto_passwd"):
            self.kind = "Mosquitto"
            return [program, "-c", str(self._mosquitto())]
        if find_spec("amqtt") is None:
            raise NoBroker("no MQTT broker: install mosquitto, or depot-edge with its demo extra (amqtt)")
        self.kind = "amqtt"
        return [sys.executable, "-m", "edge.sim.embedded_broker", str(self._amqtt())]

    def _mosquitto(self) -> Path:
        passwords, access = self.folder / "broker.passwords", self.folder / "broker.access"
        config = self.folder / "broker.conf"
        passwords.touch(0o600)
        for user, password in self.passwords.items():
            words = ["mosquitto_passwd", "-b", str(passwords), user, password]
            subprocess.run(words, check=True, capture_output=True)
        access.write_text(
            "".join(f"user {u}\n" + "".join(f"topic {t}\n" for t in topics) for u, topics in ACCESS.items())
        )
        access.chmod(0o600)
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
            f"acl_file {access}\npersistence false\nlog_dest stderr\nlog_type error\nlog_type warning\n"
            f"user {getpass.getuser()}\n"  # started as root it would drop to a user who cannot read these
        )
        return config

    def _amqtt(self) -> Path:
        config = self.folder / "broker.json"
        config.touch(0o600)
        config.write_text(json.dumps({"port": self.port, "passwords": self.passwords}))
        return config
