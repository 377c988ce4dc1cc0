"""What a request on the control socket is (control.py)."""

from typing import ClassVar

import msgspec

from edge.shell.desk import Desk


class Ask(msgspec.Struct, frozen=True, tag_field="do", forbid_unknown_fields=True):
    """One request; the field `do` says which.  slow: it waits for the disk, so that a thread answers it."""

    slow: ClassVar[bool] = False

    def of(self, desk: Desk, who: str) -> object:
        """Return the desk's answer.  Raises DeskError."""
        raise NotImplementedError
