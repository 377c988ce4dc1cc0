"""What a person may do here: four roles, each with all that the ones before it may.

nobody         sign in
viewer         look
fleet          set charge windows, opt out of events, enter outages     (fleet manager)
electrician    settings, devices, commissioning
administrator  accounts and tokens
"""

from enum import IntEnum


class Role(IntEnum):
    """A role.  A higher one may all that a lower one may."""

    NOBODY = 0
    VIEWER = 1
    FLEET = 2
    ELECTRICIAN = 3
    ADMINISTRATOR = 4

    @property
    def word(self) -> str:
        """Return the role as files, commands and the API write it."""
        return self.name.lower()


# What an account may have; NOBODY is who has none.
GIVEN = (Role.VIEWER, Role.FLEET, Role.ELECTRICIAN, Role.ADMINISTRATOR)


def role_of(word: str) -> Role:
    """Return the role of a word.  Raises ValueError that says which there are."""
    for role in GIVEN:
        if role.word == word:
            return role
    raise ValueError(f"role: {word!r}: expected one of {', '.join(role.word for role in GIVEN)}")
