"""What the routes of pages and API share: the desk, the page's files, what is live."""

import hashlib
from functools import cached_property

import msgspec

from edge.shell.desk import Desk
from edge.web.assets import Asset, assets
from edge.web.live import Live
from edge.web.texts import LANGUAGES, language


class House:
    """The desk and what stands around it.

    assets: the page's files by name; addresses: where they are.  build: changes when the page's shape does.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.assets: dict[str, Asset] = assets()
        self.addresses = {name: asset.address for name, asset in self.assets.items()}
        self._lives = {code: Live(desk, self.build) for code in LANGUAGES}

    @cached_property
    def build(self) -> str:
        """Return what changes when the page's shape does: another site drawing, another release."""
        tags = sorted(asset.tag for asset in self.assets.values())
        return hashlib.sha256(msgspec.json.encode([self.desk.site, tags])).hexdigest()[:12]

    @property
    def live(self) -> Live:
        """Return what is live, in the language that is spoken here and now."""
        return self._lives[language()]

    @property
    def readers(self) -> int:
        """Return how many streams are open."""
        return sum(live.readers for live in self._lives.values())
