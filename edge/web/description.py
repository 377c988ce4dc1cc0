"""The HTTP API as OpenAPI 3.1: what Litestar makes of the routes, with what holds for all of them added.

Every operation may answer with a problem (problems.py), and takes a session's cookie or a token.
"""

from typing import Any

from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin

from edge.web.access import CSRF_HEADER, SESSION_COOKIE
from edge.web.problems import MEDIA_TYPE
from edge.web.roles import ROLES

PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "What was wrong with a request, and what was expected (RFC 9457).",
    "required": ["title", "status", "detail", "error"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "names the field, and what was expected"},
        "error": {"type": "string", "description": "the same as detail"},
    },
}

SCHEMES = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": f"of POST /api/sign-in; what writes sends the header {CSRF_HEADER} as well",
    },
    "token": {"type": "http", "scheme": "bearer", "description": "of POST /api/tokens"},
}

METHODS = ("get", "post", "put", "patch", "delete")


def described(openapi: dict[str, Any]) -> dict[str, Any]:
    """Return Litestar's description with problems, roles and ways to sign in."""
    found = {**openapi, "paths": {path: _path(path, item) for path, item in openapi["paths"].items()}}
    components = openapi.get("components", {})
    schemas = {**components.get("schemas", {}), "Problem": PROBLEM}
    found["components"] = {**components, "schemas": schemas, "securitySchemes": SCHEMES}
    return found


def _path(path: str, item: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _operation(f"{key.upper()} {path}", each) if key in METHODS else each
        for key, each in item.items()
    }


def _operation(route: str, operation: dict[str, Any]) -> dict[str, Any]:
    role = ROLES[route]
    responses = {code: each for code, each in operation["responses"].items() if code < "400"}
    if "204" in responses:  # has no content
        responses["204"] = {"description": responses["204"]["description"]}
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses["default"] = {"description": "Refused, or not possible", "content": problem}
    security: list[dict[str, list[str]]] = [
        {"session": []},
        {"token": []},
        *([{}] if role.word in ("nobody", "viewer") else []),
    ]
    says = operation.get("description", "")
    return {
        **operation,
        "description": f"{says}\n\nTakes the role {role.word}.".strip(),
        "responses": responses,
        "security": security,
    }


class Described(JsonRenderPlugin):
    """Serve the description."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the description as JSON."""
        return super().render(request, described(openapi_schema))
