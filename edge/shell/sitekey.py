"""What a site file is made of: tables of keys.  The tables are sitewords.py and sitegridwords.py."""

from dataclasses import dataclass, field

from edge.shell.sitekinds import Kind


@dataclass(frozen=True)
class Key:
    """A key of a table.  to: the field of the model's struct; "" is the key's own name."""

    name: str
    kind: Kind
    says: str
    required: bool = False
    to: str = ""

    @property
    def target(self) -> str:
        return self.to or self.name


@dataclass(frozen=True)
class Table:
    """A table of the file.  many: written `[[name]]`, as often as needed."""

    name: str
    says: str
    keys: tuple[Key, ...]
    many: bool = False
    required: bool = False
    by_name: dict[str, Key] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_name.update({key.name: key for key in self.keys})

    @property
    def title(self) -> str:
        """The heading as it stands in the file."""
        return f"[[{self.name}]]" if self.many else f"[{self.name}]"
