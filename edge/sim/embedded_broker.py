"""The demonstration's broker where Mosquitto is missing: amqtt, with the same logins.

    python -m edge.sim.embedded_broker CONFIG.json

MQTT 3.1.1 only, and without Mosquitto's access lists: for demonstrations, never for a depot.
"""

import asyncio
import json
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any


async def serve(port: int, passwords: dict[str, str]) -> None:
    """Serve until SIGTERM or SIGINT."""
    hashed = import_module("pwdlib.hashers.argon2").Argon2Hasher().hash  # comes with amqtt, an extra
    folder = Path(sys.argv[1]).parent
    file = folder / "broker.passwords"
    file.write_text("".join(f"{u}:{hashed(p)}\n" for u, p in passwords.items()))
    config: dict[str, Any] = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(file)}},
    }
    broker = import_module("amqtt.broker").Broker(config)
    await broker.start()
    done = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, done.set)
    await done.wait()
    await broker.shutdown()


if __name__ == "__main__":
    settings = json.loads(Path(sys.argv[1]).read_text())
    asyncio.run(serve(settings["port"], settings["passwords"]))
