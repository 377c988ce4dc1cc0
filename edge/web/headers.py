"""The headers of every answer: what a browser may do with a page, which is little."""

from litestar import Response

POLICY = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"

HEADERS = {
    "Content-Security-Policy": (
        f"{POLICY}; form-action 'self'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "connect-src 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer, a browser says of our own forms: Origin: null
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def with_headers(response: Response[object]) -> Response[object]:
    """Return an answer with the headers that every one has; those that it brings itself stay."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
