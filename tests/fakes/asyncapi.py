"""docs/asyncapi.yaml as a judge of messages that were really sent: by topic, then QoS, retain, schema."""

import functools
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import yaml

DOCS = Path(__file__).parent.parent.parent / "docs"


class Document:
    """values: what the parameters of the addresses are here.  A filter (+, #) stands for what it matches."""

    def __init__(self, values: dict[str, str]) -> None:
        self._document = yaml.safe_load((DOCS / "asyncapi.yaml").read_text())
        self._topics = {
            name: self._pattern(each["address"], values) for name, each in self._document["channels"].items()
        }

    @staticmethod
    def _pattern(address: str, values: dict[str, str]) -> re.Pattern[str]:
        named = re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], "\0"), address)
        return re.compile(re.escape(named).replace(r"\+", "[^/]+").replace(r"/\#", "(/.*)?"))

    def channel(self, topic: str) -> str:
        """Return the channel of a topic, "" for none."""
        return next((name for name, pattern in self._topics.items() if pattern.fullmatch(topic)), "")

    def wrong(self, channel: str, message: dict[str, Any]) -> list[str]:
        """Return what is wrong with a message of a channel: qos, retain and payload as it was heard."""
        operation = next(
            each
            for each in self._document["operations"].values()
            if each["channel"]["$ref"] == f"#/channels/{channel}"
        )
        binding = self._local(operation["bindings"])["mqtt"]
        found: list[str] = []
        if operation["action"] == "send":  # of what the gateway hears, the sender decides
            found += [] if message["qos"] == binding["qos"] else [f"QoS {message['qos']}"]
            found += ["retained"] if message.get("retain") and not binding["retain"] else []
        kinds = [self._local(each) for each in self._document["channels"][channel]["messages"].values()]
        payload = message["payload"]
        payload = json.loads(payload) if isinstance(payload, str) else payload
        judged = [
            [e.message for e in _validator(kind["payload"]["$ref"]).iter_errors(payload)] for kind in kinds
        ]
        return found + (min(judged, key=len) if all(judged) else [])

    def _local(self, node: dict[str, Any]) -> Any:
        """Follow references within the document."""
        while "$ref" in node:
            found: Any = self._document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node


@functools.cache
def _validator(reference: str) -> Any:
    name, _, path = reference.partition("#")
    schema = json.loads((DOCS / name).read_text())
    return jsonschema.Draft202012Validator(schema | {"$ref": f"#{path}"})
