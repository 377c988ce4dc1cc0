"""What the utility's REST server has for us, as one reading finds it: programs and events.  For a thread.

    listing = read_listing(vtn, utility, wall_ms)

Rule: one event that cannot be read does not keep the others from being read.
"""

import contextlib
from typing import NamedTuple

from edge.model.openadr import OpenAdrEvent
from edge.model.site import Utility
from edge.shell import openadr
from edge.shell.openadr_fields import BadMessage, Fields
from edge.shell.vtn import VtnClient, VtnRefused


class Listing(NamedTuple):
    """What the VTN has.  names: program id -> the name that the site file has for it.

    binding: by that name, whether the program says BINDING_EVENTS; only of programs that say something.
    refused: what could not be read, by what names it.  strange: names that the VTN does not have.
    """

    names: dict[str, str]
    binding: dict[str, bool]
    events: dict[str, OpenAdrEvent]
    refused: list[str]
    strange: list[str]


def read_listing(vtn: VtnClient, utility: Utility, wall_ms: int) -> Listing:
    """Return what the VTN has for us.  Blocks.  Raises TROUBLE."""
    ours = utility.programs
    programs = _programs(vtn, ours)
    names = {
        each.id: each.id if not ours or each.id in ours else each.name
        for each in programs
        if not ours or each.id in ours or each.name in ours
    }
    strange = [f"programs: the vtn has none called {each}" for each in ours if each not in names.values()]
    binding = {
        names[each.id]: each.binding for each in programs if each.id in names and each.binding is not None
    }
    events: dict[str, OpenAdrEvent] = {}
    refused: list[str] = []
    for fields in vtn.events([*names] if ours else []):
        try:
            event = openadr.as_copy(openadr.read_event(fields, wall_ms), fields.topic)
        except openadr.BadMessage as error:
            refused.append(str(error))
        else:
            events[event.id] = event
    return Listing(names, binding, events, refused, strange)


class Program(NamedTuple):
    """A program of the VTN.  binding: BINDING_EVENTS, None where it does not say."""

    id: str
    name: str
    binding: bool | None = None


def _programs(vtn: VtnClient, ours: tuple[str, ...]) -> list[Program]:
    """Return the programs that we may see.  A VTN that shows us none may know ours by their ids.

    Source: OpenADR 3.1.1, program attributes: BINDING_EVENTS; in 3.0 a field of the program.
    """
    try:
        listed = vtn.programs()
    except VtnRefused as error:
        if error.passes or not ours:
            raise
        return [Program(each, each) for each in ours]
    return [
        Program(each.text("id"), each.text("programName"), _binding(each))
        for each in listed
        if each.text("id")
    ]


def _binding(program: Fields) -> bool | None:
    """Return what a program says of its events; None where it says nothing that can be read."""
    value = program.get("bindingEvents")
    with contextlib.suppress(BadMessage):
        for attribute in program.objects("attributes", 256):
            if attribute.text("type") == "BINDING_EVENTS":
                value = next(iter(attribute.items("values", 256)), None)
    return value if isinstance(value, bool) else None
