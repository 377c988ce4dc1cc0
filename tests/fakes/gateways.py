"""A gateway's end of the network link, without a depot behind it: store, outbox, MQTT connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from edge.model import messages
from edge.model.messages import Sender, numbered
from edge.model.records import Session
from edge.model.site import Broker
from edge.shell.mqtt import Incoming, MqttLink
from edge.shell.outbox import Outbox
from edge.shell.store import Store
from edge.shell.storeoutbox import Gone, Message

NOW = 1_784_000_000_000


def broker(port: int) -> Broker:
    return Broker("127.0.0.1", port, tls=False, keepalive_s=5)


class Gateway:
    """One site.  say() records a session that has ended and commits it; the outbox does the rest."""

    def __init__(self, site: str, path: Path, port: int) -> None:
        self.store = Store(path, "boot")
        self.sender = Sender(f"net/{site}", site, "run", {}, str(self.store.meta("stream")))
        self.link = MqttLink(
            "network", broker(port), f"depot-{site}", subscriptions=(f"net/{site}/acks",),
            persistent=False, qos=0, on_message=self._heard,
            on_link=lambda up, why: self.box.reconnected() if up else None,
        )  # fmt: skip
        self.box = Outbox(
            "network", self.store, self.link, wall_clock=lambda: NOW, confirmed=True, site=site,
            stamp=lambda row: numbered(row.payload, row.seq), on_gone=self._gone, stream=self.sender.stream,
        )  # fmt: skip
        self.refusals: list[str] = []

    def _heard(self, incoming: Incoming) -> None:
        wrong = self.box.acknowledged(incoming.payload)
        if wrong:
            self.refusals.append(wrong)
        incoming.done()
        self.store.commit()
        self.box.wake()

    def _gone(self, gone: Gone) -> None:
        told = messages.gone(self.sender, gone.first, gone.last, "no longer kept", NOW)
        self.store.tell(Message("network", *told[:3], NOW))

    def say(self, *numbers: int, **fields: Any) -> None:
        for n in numbers:
            row = Session(f"s-{n}", f"bay-{n % 3}", NOW + n, NOW + n + 1, energy_wh=n, **fields)
            told = messages.told(self.sender, row, NOW)
            assert told is not None
            self.store.keep(row, Message("network", *told[:3], NOW, told.lane))
        self.store.commit()
        self.box.wake()

    def birth(self) -> bytes:
        return messages.status(self.sender, "online", "0", NOW, self.store.outbox_last("network")).payload

    @property
    def waiting(self) -> int:
        """How many messages the receiving application has not acknowledged, as the outbox sees it."""
        return len(self.store.outbox_pending("network", 100_000))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Gateway"]:
        self.link.start()
        task = asyncio.create_task(self.box.run())
        try:
            yield self
        finally:
            assert not task.done()
            task.cancel()
            await self.link.close()
            self.store.close()
