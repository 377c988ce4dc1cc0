"""The pages before all others: signing in, and making the first account.  They work without scripts."""

from typing import Any
from urllib.parse import parse_qs, quote

from litestar import MediaType, Request, Response, get, post
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from edge.shell.answers import DeskError
from edge.shell.reception import NotSignedInError, Session, TooManyTriesError
from edge.web import texts
from edge.web.access import cookie_name
from edge.web.entry import begin, end, way
from edge.web.house import House
from edge.web.markup import Child, Markup, h
from edge.web.texts import LANGUAGES, t
from edge.web.who import who

AnyRequest = Request[Any, Any, Any]


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""
    reception = house.desk.reception

    def shown(form: Markup, to: str, status_code: int = 200) -> Response[str]:
        return Response(_page(house, form, to), status_code=status_code, media_type=MediaType.HTML)

    @get("/sign-in", media_type=MediaType.HTML, include_in_schema=False)
    async def sign_in_page(request: AnyRequest) -> Response[str]:
        to = way(request.query_params.get("to", "/"))
        if who().set_up:
            return shown(_first(to, who().local), to)
        if code := request.query_params.get("code", ""):
            return shown(_by_code(to, code[:100]), to)
        return shown(_sign_in(to), to)

    @post("/sign-in", include_in_schema=False)
    async def sign_in(request: AnyRequest) -> Response[Any]:
        form, v = await _form(request), who()
        to, name, code = way(form.get("to", "/")), form.get("name", ""), form.get("code", "")
        try:
            if code:
                session, cookie = await reception.sign_in_by_code(code, v.address)
            else:
                session, cookie = await reception.sign_in(name, form.get("password", ""), v.address, v.local)
        except TooManyTriesError as error:
            return shown(_sign_in(to, t("signin.wait", count=error.wait_s), name), to, 429)
        except NotSignedInError:
            wrong = t("signin.wrong_code") if code else t("signin.wrong")
            return shown(_sign_in(to, wrong, name), to, 401)
        return entered(request, session, cookie, to)

    @post("/set-up", include_in_schema=False)
    async def set_up(request: AnyRequest) -> Response[Any]:
        form, v = await _form(request), who()
        to, name = way(form.get("to", "/")), form.get("name", "")
        try:
            session, cookie = await reception.first(
                name, form.get("password", ""), form.get("code", ""), v.address, v.local
            )
        except DeskError as error:
            again = _first(to, v.local, str(error), name) if reception.set_up else _sign_in(to, str(error))
            return shown(again, to, 400)
        return entered(request, session, cookie, to)

    @post("/sign-out", include_in_schema=False)
    async def sign_out(request: AnyRequest) -> Redirect:
        reception.sign_out(request.cookies.get(cookie_name(request), ""))
        answer = Redirect("/", status_code=303)
        end(answer, request)
        return answer

    def entered(request: AnyRequest, session: Session, cookie: str, to: str) -> Response[Any]:
        reception.sign_out(request.cookies.get(cookie_name(request), ""))  # the one before ends
        answer = Redirect(to, status_code=303)
        begin(answer, request, cookie)
        return answer

    return [sign_in_page, sign_in, set_up, sign_out]


async def _form(request: AnyRequest) -> dict[str, str]:
    body = (await request.body()).decode("utf-8", "replace")
    return {
        key: values[0] for key, values in parse_qs(body, keep_blank_values=True, max_num_fields=20).items()
    }


def _page(house: House, form: Markup, to: str) -> str:
    name = house.desk.site.name or house.desk.site.id
    other = [
        h("a", {"href": f"/language/{code}?to={quote('/sign-in?to=' + quote(to, safe='/'), safe='')}",
                "hreflang": code, "lang": code}, text)
        for code, text in LANGUAGES.items() if code != texts.language()
    ]  # fmt: skip
    head = h(
        "head",
        {},
        h("meta", {"charset": "utf-8"}),
        h("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        h("meta", {"name": "color-scheme", "content": "light dark"}),
        h("title", {}, f"{t('common.sign_in')} · {name}"),
        h("link", {"rel": "icon", "href": house.addresses["icon.svg"], "type": "image/svg+xml"}),
        h("link", {"rel": "stylesheet", "href": house.addresses["page.css"]}),
    )
    body = h(
        "body",
        {"class": "entry"},
        h("main", {}, h("h1", {}, name), form),
        h("footer", {}, h("p", {}, t("common.not_listed")), h("p", {}, other)),
    )
    return f'<!doctype html>\n<html lang="{texts.language()}">{head}{body}</html>\n'


def _sign_in(to: str, trouble: str = "", name: str = "") -> Markup:
    return _form_of(
        "/sign-in",
        t("common.sign_in"),
        to,
        trouble,
        _field("name", t("signin.name"), "username", value=name),
        _field("password", t("signin.password"), "current-password", kind="password"),
    )


def _by_code(to: str, code: str) -> Markup:
    hidden = h("input", {"type": "hidden", "name": "code", "value": code})
    return _form_of("/sign-in", t("common.sign_in"), to, "", h("p", {}, t("signin.by_code")), hidden)


def _first(to: str, local: bool, trouble: str = "", name: str = "") -> Markup:
    code = None if local else _field("code", t("signin.first_code"), "one-time-code")
    return _form_of(
        "/set-up",
        t("signin.first_button"),
        to,
        trouble,
        h("p", {}, t("signin.first")),
        code,
        _field("name", t("signin.name"), "username", value=name or "admin"),
        _field("password", t("signin.new_password"), "new-password", kind="password"),
    )


def _form_of(action: str, button: str, to: str, trouble: str, *fields: Child) -> Markup:
    said = h("p", {"class": "banner alert-banner", "role": "alert"}, trouble) if trouble else None
    return h(
        "form",
        {"method": "post", "action": action, "class": "entry-form"},
        said,
        h("input", {"type": "hidden", "name": "to", "value": to}),
        fields,
        h("p", {}, h("button", {"type": "submit"}, button)),
    )


def _field(name: str, label: str, completion: str, kind: str = "text", value: str = "") -> Markup:
    box = {"id": f"f-{name}", "name": name, "type": kind, "autocomplete": completion, "required": ""}
    given = {"value": value[:64]} if value else {}
    return h("p", {"class": "field"}, h("label", {"for": f"f-{name}"}, label), h("input", {**box, **given}))
