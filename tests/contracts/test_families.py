"""The contracts, for every family of drivers/devices."""

from drivers import library
from tests.contracts.board import BoardContract
from tests.contracts.charger import ChargerContract
from tests.contracts.meter import MeterContract

_CONTRACTS = {"meter": MeterContract, "board": BoardContract}

for _name, _table in library.load_all().items():
    _contract = _CONTRACTS.get(_table.kind, ChargerContract)
    _class = f"Test_{_name}"
    globals()[_class] = type(_class, (_contract,), {"name": _name, "__module__": __name__})
