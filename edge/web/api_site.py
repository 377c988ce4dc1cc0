"""The settings: what runs here, the site file to read, and a check of another one before it is used."""

import asyncio
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from edge.model.units import Triple
from edge.shell.answers import NothingRecordedError
from edge.shell.release import release
from edge.shell.sitefile import SiteUnreadable, examine_text
from edge.web.house import House
from edge.web.tables import named

TEXT_MAX = 1024 * 1024


class About(msgspec.Struct, frozen=True):
    """What runs here.  site_file: where the site file stands on the gateway, "" where there is none."""

    release: str
    site: str
    name: str
    timezone: str
    currency: str
    nodes: int
    chargers: int
    meters: int
    site_file: str


class SiteText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A site file to be checked."""

    text: Annotated[str, msgspec.Meta(max_length=TEXT_MAX)]


class NodeSums(msgspec.Struct, frozen=True):
    """A node in the proof of I4: what is left when every charger has fallen back; below 0 is too much."""

    node: str
    limit_ma: Triple
    other_ma: Triple
    fallback_ma: Triple
    spare_ma: Triple
    fits: bool


class Checked(msgspec.Struct, frozen=True):
    """What a look at a site file found.  good: it may run; notes: may be right, but look at them."""

    good: bool
    problems: list[str]
    notes: list[str]
    proof: list[NodeSums]


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""
    desk = house.desk

    @get("/api/site", operation_id="site", tags=["site"])
    async def site() -> About:
        """What runs here."""
        s = desk.site
        counts = len(s.nodes), len(s.chargers), len(s.meters)
        return About(release(), s.id, s.name, s.timezone, s.currency, *counts, str(desk.site_file or ""))

    @get("/api/site/file", operation_id="site_file", tags=["site"], media_type="application/toml")
    async def site_file() -> Response[bytes]:
        """The site file as it stands on the gateway."""
        path = desk.site_file
        if path is None:
            raise NothingRecordedError("there is no site file: the daemon was given its site otherwise")
        try:
            content = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise NothingRecordedError(f"{path.name}: {error.strerror or error}") from None
        return Response(content, media_type="application/toml", headers=named(path.name))

    @post("/api/site/check", operation_id="site_check", tags=["site"], status_code=200)
    async def check(data: JSONBody[SiteText]) -> Checked:
        """Say what is wrong with a site file, and whether the fallback currents fit; nothing is changed."""
        try:
            found = await asyncio.to_thread(examine_text, data.text, desk.site_file)
        except SiteUnreadable as error:
            return Checked(False, [str(error)], [], [])
        proof = [
            NodeSums(n.node, n.limit_ma, n.other_ma, n.fallback_ma, n.spare_ma, n.fits) for n in found.proof
        ]
        return Checked(
            found.site is not None, [str(p) for p in found.problems], [str(n) for n in found.notes], proof
        )

    return [site, site_file, check]
