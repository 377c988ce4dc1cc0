"""The local page and the HTTP API, as a Litestar application over the desk.

The door is access.py (who is there, and may they: roles.py); the routes are page_*.py and api_*.py, each with
a function `routes(house)`.  docs/page-security.md says what protects what.
"""

from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.datastructures import State
from litestar.openapi.config import OpenAPIConfig

from edge.shell.desk import Desk
from edge.web import (
    api_accounts,
    api_depot,
    api_devices,
    api_events,
    api_records,
    api_site,
    api_windows,
    pages,
)
from edge.web.access import admit
from edge.web.description import Described
from edge.web.headers import with_headers
from edge.web.house import House
from edge.web.problems import HANDLERS

# Whoever writes a file of routes adds it here, and its rows in roles.py.
API = (
    api_accounts,
    api_depot,
    api_windows,
    api_events,
    api_records,
    api_devices,
    api_site,
)
MODULES = (*pages.MODULES, *API)


def app(desk: Desk) -> Litestar:
    """Return the application over a desk."""
    house = House(desk)
    return Litestar(
        [route for module in MODULES for route in module.routes(house)],
        guards=[admit],
        openapi_config=OpenAPIConfig(
            title="depot-edge, local API",
            version="1",
            description="Currents in mA, powers in W, energies in Wh; wall times in ms, UTC.",
            path="/schema",
            render_plugins=[Described()],
        ),
        compression_config=CompressionConfig(backend="gzip", minimum_size=1024, exclude=["/api/stream"]),
        exception_handlers=HANDLERS,  # type: ignore[arg-type]
        after_request=with_headers,
        logging_config=None,  # logging is the daemon's
        state=State({"desk": desk}),
    )
