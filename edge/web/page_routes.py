"""The pages: their addresses, the files that they are made of, the switch of language."""

import base64
import hashlib
from zoneinfo import ZoneInfo

from litestar import MediaType, Request, Response, get
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from edge.report import performancepage
from edge.shell.answers import UnknownError
from edge.web.access import LANGUAGE_COOKIE
from edge.web.entry import way
from edge.web.headers import POLICY
from edge.web.house import House
from edge.web.texts import LANGUAGES

YEAR_S = 365 * 24 * 3600

# The page of an event is one file with its style in it: that one alone is allowed.
PAGE_STYLE = base64.b64encode(hashlib.sha256(performancepage.STYLE.encode()).digest()).decode()


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""
    desk = house.desk

    @get("/events/{event_id:str}", media_type=MediaType.HTML, include_in_schema=False)
    async def event_page(event_id: FromPath[str]) -> Response[str]:
        text = performancepage.page(await desk.event_report(event_id), ZoneInfo(desk.site.timezone))
        headers = {
            "Content-Security-Policy": f"{POLICY}; form-action 'none'; style-src 'sha256-{PAGE_STYLE}'"
        }
        return Response(text, headers=headers, media_type=MediaType.HTML)

    @get("/static/{name:str}", include_in_schema=False)
    async def static(name: FromPath[str], request: Request) -> Response[bytes]:  # type: ignore[type-arg]
        asset = house.assets.get(name)
        if asset is None:
            raise UnknownError(f"there is no file {name!r} here")
        lasting = request.query_params.get("v") == asset.tag.strip('"')
        keep = {"ETag": asset.tag, "Cache-Control": "max-age=31536000, immutable" if lasting else "no-cache"}
        known = [
            tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")
        ]
        if asset.tag in known or known == ["*"]:
            return Response(b"", status_code=304, headers=keep, media_type=asset.media_type)
        return Response(asset.content, headers=keep, media_type=asset.media_type)

    @get("/language/{code:str}", include_in_schema=False)
    async def speak(code: FromPath[str], request: Request) -> Redirect:  # type: ignore[type-arg]
        if code not in LANGUAGES:
            raise UnknownError(f"language: {code!r}: expected one of {', '.join(LANGUAGES)}")
        answer = Redirect(way(request.query_params.get("to", "/")), status_code=303)
        answer.set_cookie(LANGUAGE_COOKIE, code, max_age=YEAR_S, samesite="lax", httponly=True)
        return answer

    return [event_page, static, speak]
