"""Tell a controller a story: events in, commands out.

    assert (
        Story(site)
        >> Reading(0, "grid", currents(23, 20, 20))
        >> tick(1000)
        << SetCurrent("bay-1", 20_000, 10_000, ANY)
    )

`>>` feeds an event.  `<<` expects the next command of the kind that it names; commands of other kinds are
passed over, commands of the same kind are not.  `<< Nothing(SetCurrent)` expects no more of a kind.
A story that nobody asserts fails as well.
"""

import warnings
from typing import Any

from edge.core.controller import Controller
from edge.model.flow import AnyCommand, AnyEvent
from edge.model.site import Site


class _Any:
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "ANY"


ANY: Any = _Any()


class Nothing:
    """Expect that no command of a kind is left."""

    def __init__(self, kind: type) -> None:
        self.kind = kind


class Story:
    """A controller, what it has said since the last event, and what went wrong."""

    def __init__(self, site: Site | Controller, **more: Any) -> None:
        self.controller = site if isinstance(site, Controller) else Controller(site, **more)
        self.said: list[AnyCommand] = []
        self.last: list[AnyCommand] = []
        self.wrong: list[str] = []
        self.asserted = False

    def __rshift__(self, event: AnyEvent) -> "Story":
        self.last = self.controller.handle(event)
        self.said = list(self.last)
        return self

    def __lshift__(self, expected: Any) -> "Story":
        kind = expected.kind if isinstance(expected, Nothing) else type(expected)
        rest = [c for c in self.said if isinstance(c, kind)]
        if isinstance(expected, Nothing):
            if rest:
                self.wrong.append(f"expected no {kind.__name__}, got {rest}")
        elif not rest:
            self.wrong.append(f"expected {expected}, got no {kind.__name__}")
        else:
            self.said.remove(rest[0])
            if not _same(rest[0], expected):
                self.wrong.append(f"expected {expected}\n     got {rest[0]}")
        return self

    def __bool__(self) -> bool:
        self.asserted = True
        for line in self.wrong:
            print(line)
        return not self.wrong

    def __del__(self) -> None:
        if not self.asserted:
            warnings.warn("a story that nobody asserted", stacklevel=1)


def _same(got: Any, expected: Any) -> bool:
    # Field by field with the expectation on the left, so that ANY decides.
    return all(getattr(expected, f) == getattr(got, f) for f in expected.__struct_fields__)
