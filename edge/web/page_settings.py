"""Settings: language and look, my account, accounts and tokens, the site file."""

from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from litestar import MediaType, Request, get, post
from litestar.params import FromPath, JSONBody
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from edge.model.role import GIVEN, Role
from edge.shell.answers import DeskError, TokenStatus, UnknownError, UserStatus
from edge.shell.release import release
from edge.shell.sitefile import SiteUnreadable, examine_text
from edge.web.access import CSRF_FIELD
from edge.web.api_site import SiteText
from edge.web.forms import act, choice, field, labelled, sending
from edge.web.house import House
from edge.web.look import THEME_COOKIE, THEMES, theme
from edge.web.markup import Child, Markup, h
from edge.web.page import frame, notice, section
from edge.web.page_why import table
from edge.web.sentences import said
from edge.web.texts import LANGUAGES, language, t
from edge.web.who import who

YEAR_S = 365 * 24 * 3600

AnyRequest = Request[Any, Any, Any]


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""

    @get("/settings", media_type=MediaType.HTML, include_in_schema=False)
    async def settings() -> str:
        may = who().may
        return frame(
            house,
            "settings",
            h("h1", {}, t("frame.settings")),
            _look(),
            _account(),
            _users(house) if may(Role.ADMINISTRATOR) else None,
            _tokens(house) if may(Role.ADMINISTRATOR) else None,
            _site(house),
        )

    @get("/theme/{name:str}", include_in_schema=False)
    async def wear(name: FromPath[str]) -> Redirect:
        if name not in THEMES:
            raise UnknownError(f"theme: {name[:20]!r}: expected one of {', '.join(THEMES)}")
        answer = Redirect("/settings", status_code=303)
        answer.set_cookie(THEME_COOKIE, name, max_age=YEAR_S, samesite="lax", httponly=True)
        return answer

    @post("/settings/check", media_type=MediaType.HTML, include_in_schema=False, status_code=200)
    async def check(data: JSONBody[SiteText]) -> str:
        try:
            found = examine_text(data.text, house.desk.site_file)
        except (SiteUnreadable, DeskError) as error:
            return notice(str(error), "bad")
        told = [h("li", {}, str(each)) for each in (*found.problems, *found.notes)]
        good = found.site is not None
        head = notice(t("settings.good"), "good") if good else notice(t("settings.not_good"), "bad")
        return h("div", {}, head, h("ul", {"class": "list"}, told))

    return [settings, wear, check]


def _look() -> Markup:
    def links(chosen: str, options: list[tuple[str, str, str]]) -> list[Markup]:
        return [
            h(
                "a",
                {"class": "button small", "href": address, "aria-current": "true" if key == chosen else None},
                text,
            )
            for key, address, text in options
        ]

    languages = [(code, f"/language/{code}?to=/settings", name) for code, name in LANGUAGES.items()]
    themes = [(name, f"/theme/{name}", t(f"settings.theme_{name}")) for name in THEMES]
    return section(
        "settings.look",
        h(
            "dl",
            {"class": "settings"},
            _pair(t("common.language"), links(language(), languages)),
            _pair(t("settings.theme"), links(theme(), themes)),
        ),
    )


def _pair(name: str, choices: list[Markup]) -> Markup:
    return h("div", {}, h("dt", {}, name), h("dd", {"class": "row"}, choices))


def _account() -> Markup:
    visitor = who()
    if not visitor.signed_in:
        link = h("a", {"class": "button", "href": "/sign-in?to=/settings"}, t("common.sign_in"))
        return section("settings.account", h("p", {"class": "soft"}, t("settings.nobody")), h("p", {}, link))
    role = t(f"common.role_{visitor.role.word}")
    out = h(
        "form",
        {"method": "post", "action": "/sign-out"},
        h("input", {"type": "hidden", "name": CSRF_FIELD, "value": visitor.csrf}),
        h("button", {"type": "submit"}, t("common.sign_out")),
    )
    mine = {"type": "text", "autocomplete": "username", "value": visitor.name, "hidden": ""}  # for its keeper
    change = sending(
        "/api/me/password",
        h("input", mine),
        h("div", {"class": "fields"},
          _password(t("settings.old_password"), "old", "current-password"),
          _password(t("settings.new_password"), "new", "new-password"),
          h("button", {"type": "submit"}, t("settings.change_password"))),
        then="/sign-in",
    )  # fmt: skip
    more = h("details", {}, h("summary", {}, t("settings.change_password")), change)
    return section(
        "settings.account", h("p", {}, t("common.signed_in_as", name=visitor.name, role=role)), more, out
    )


def _password(label: str, name: str, completion: str) -> Markup:
    box = {"name": name, "type": "password", "required": "", "autocomplete": completion}
    return labelled(label, h("input", box))


def _roles() -> list[tuple[str, str]]:
    return [(role.word, t(f"common.role_{role.word}")) for role in GIVEN]


def _users(house: House) -> Markup:
    zone = ZoneInfo(house.desk.site.timezone)
    known = house.desk.reception.accounts.users()
    add = sending(
        "/api/users",
        h("div", {"class": "fields"},
          field(t("settings.name"), "name", required="", maxlength="64", autocomplete="username"),
          choice(t("settings.role"), "role", _roles()),
          _password(t("settings.new_password"), "password", "new-password"),
          h("button", {"type": "submit"}, t("settings.add"))),
    )  # fmt: skip
    entries = [_entry(_user_words(u, zone), f"/api/users/{quote(u.name, safe='')}", u.name) for u in known]
    return section("settings.users", h("ul", {"class": "list"}, entries), _adding(add))


def _user_words(u: UserStatus, zone: ZoneInfo) -> list[Child]:
    return [h("strong", {}, u.name), " ", h("span", {"class": "tag"}, t(f"common.role_{u.role}")), " ",
            h("span", {"class": "soft"}, _last(u.last_wall_ms, zone))]  # fmt: skip


def _tokens(house: House) -> Markup:
    zone = ZoneInfo(house.desk.site.timezone)
    known = house.desk.reception.accounts.tokens()
    add = sending(
        "/api/tokens",
        h("div", {"class": "fields"},
          field(t("settings.name"), "name", required="", maxlength="64"),
          choice(t("settings.role"), "role", _roles()),
          h("button", {"type": "submit"}, t("settings.add"))),
        **{"data-shows": "secret"},
    )  # fmt: skip
    entries = [_entry(_token_words(k, zone), f"/api/tokens/{quote(k.id, safe='')}", k.name) for k in known]
    what = h("p", {"class": "soft"}, t("settings.tokens_what"))
    return section("settings.tokens", what, h("ul", {"class": "list"}, entries), _adding(add))


def _token_words(k: TokenStatus, zone: ZoneInfo) -> list[Child]:
    return [h("strong", {}, k.name), " ", h("span", {"class": "tag"}, t(f"common.role_{k.role}")), " ",
            h("span", {"class": "soft"}, _last(k.last_wall_ms, zone))]  # fmt: skip


def _last(wall_ms: int, zone: ZoneInfo) -> str:
    if not wall_ms:
        return t("settings.never")
    return t("settings.last", when=f"{datetime.fromtimestamp(wall_ms / 1000, zone):%Y-%m-%d %H:%M}")


def _entry(told: list[Child], address: str, name: str) -> Markup:
    remove = act(t("settings.remove"), address, "DELETE", sure=t("settings.sure", name=name))
    return h("li", {}, h("div", {"class": "row"}, h("span", {}, told), remove))


def _adding(form: Markup) -> Markup:
    return h("details", {}, h("summary", {}, t("settings.add")), form)


def _site(house: House) -> Markup:
    site = house.desk.site
    rows: list[list[Child]] = [
        [t("settings.release"), release()],
        [t("settings.site"), site.id],
        [t("settings.timezone"), site.timezone],
        [t("settings.counts"), f"{len(site.nodes)} / {len(site.meters)} / {len(site.chargers)}"],
        [t("settings.site_file"), str(house.desk.site_file or "–")],
    ]
    more: Child = None
    if who().may(Role.ELECTRICIAN):
        text = h("textarea", {"name": "text", "rows": "6", "required": "", "spellcheck": "false"})
        button = h("button", {"type": "submit", "data-part": "/settings/check"}, t("settings.check"))
        file = h("a", {"class": "button", "href": "/api/site/file", "download": ""}, t("settings.download"))
        more = [
            h("p", {}, file if house.desk.site_file else None),
            h("details", {}, h("summary", {}, t("settings.check_other")),
              sending("/settings/check", labelled(t("settings.text"), text, wide=True),
                      h("div", {"id": "site-check", "role": "status"}), h("p", {}, button),
                      **{"data-result": "site-check"})),
        ]  # fmt: skip
    heads = [t("settings.what"), t("settings.value")]
    return section("settings.this_site", table(said(site.name or site.id), heads, rows, set()), more)
