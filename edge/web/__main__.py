"""`python -m edge.web > docs/openapi.json`: the HTTP API as OpenAPI 3.1, without a daemon."""

import json
import sys
from typing import Any

from edge.model.site import Site
from edge.shell.desk import Desk
from edge.shell.store import Store
from edge.shell.storefile import MEMORY
from edge.web.app import app
from edge.web.description import described


def description() -> dict[str, Any]:
    """Return the description, as /schema/openapi.json serves it."""
    nowhere = Desk(Site("", "", "UTC", ()), Store(MEMORY), lambda _: None)
    return described(app(nowhere).openapi_schema.to_schema())


if __name__ == "__main__":
    json.dump(description(), sys.stdout, indent=1)
    print()
