"""Who may what: every route and the role that it takes, as data.

Rule 1: a route that does not stand here is not served (the door refuses it, and a test finds it).
Rule 2: whoever only looks is a viewer; NOBODY is for what must work before anybody has signed in.
Rule 3: a method that writes takes a session with its CSRF token, or an API token; never only an address.
"""

from edge.model.role import Role

NOBODY, VIEWER, FLEET = Role.NOBODY, Role.VIEWER, Role.FLEET
ELECTRICIAN, ADMINISTRATOR = Role.ELECTRICIAN, Role.ADMINISTRATOR

ROLES: dict[str, Role] = {
    # Pages.
    "GET /": VIEWER,
    "GET /now/prices": VIEWER,
    "GET /why": VIEWER,
    "GET /windows": VIEWER,
    "POST /windows/preview": FLEET,
    "POST /windows/import": FLEET,
    "GET /events": VIEWER,
    "GET /day": VIEWER,
    "GET /reports": VIEWER,
    "GET /reports/cost": VIEWER,
    "GET /devices": VIEWER,
    "POST /devices/trace": ELECTRICIAN,
    "GET /log": FLEET,
    "GET /settings": VIEWER,
    "POST /settings/check": ELECTRICIAN,
    "GET /theme/{name}": VIEWER,
    "GET /events/{event_id}": VIEWER,
    # What pages need before anybody has signed in.
    "GET /static/{name}": NOBODY,
    "GET /language/{code}": NOBODY,
    "GET /sign-in": NOBODY,
    "POST /sign-in": NOBODY,
    "POST /set-up": NOBODY,
    "POST /sign-out": VIEWER,
    # The API.
    "GET /api/status": VIEWER,
    "GET /api/why/{charger}": VIEWER,
    "GET /api/windows": VIEWER,
    "POST /api/windows": FLEET,
    "POST /api/windows/preview": FLEET,
    "POST /api/windows/import": FLEET,
    "POST /api/windows/{window_id}/exceptions": FLEET,
    "DELETE /api/windows/{window_id}": FLEET,
    "GET /api/events": VIEWER,
    "POST /api/events/{event_id}/opt-out": FLEET,
    "POST /api/events/{event_id}/opt-in": FLEET,
    "POST /api/opt-outs": FLEET,
    "GET /api/grid": VIEWER,
    "GET /api/events/{event_id}/report": VIEWER,
    "GET /api/stream": VIEWER,
    "GET /api/day": VIEWER,
    **{
        f"GET /api/reports/{{month}}/{kind}{ending}": VIEWER
        for kind in ("uptime", "sessions", "indicators", "performance", "bill")
        for ending in ("", ".csv")
    },
    "GET /api/reports/{month}/cost": VIEWER,
    "GET /api/audit": FLEET,
    "GET /api/devices": VIEWER,
    "GET /api/devices/look-at": VIEWER,
    "POST /api/devices/{device}/trace": ELECTRICIAN,
    "GET /api/site": VIEWER,
    "GET /api/site/file": ELECTRICIAN,
    "POST /api/site/check": ELECTRICIAN,
    "GET /metrics": VIEWER,
    "GET /api/me": NOBODY,
    "POST /api/sign-in": NOBODY,
    "POST /api/set-up": NOBODY,
    "POST /api/sign-out": VIEWER,
    "POST /api/me/password": VIEWER,
    "GET /api/users": ADMINISTRATOR,
    "POST /api/users": ADMINISTRATOR,
    "PATCH /api/users/{name}": ADMINISTRATOR,
    "DELETE /api/users/{name}": ADMINISTRATOR,
    "GET /api/tokens": ADMINISTRATOR,
    "POST /api/tokens": ADMINISTRATOR,
    "DELETE /api/tokens/{token_id}": ADMINISTRATOR,
    "GET /schema": VIEWER,
    "GET /schema/{path}": VIEWER,
    "GET /schema/openapi.json": VIEWER,
}
