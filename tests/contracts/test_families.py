"""The contracts, for every family of drivers/devices."""

from drivers import library
from tests.contracts.charger import ChargerContract
from tests.contracts.meter import MeterContract

for _name, _table in library.load_all().items():
    _contract = MeterContract if _table.kind == "meter" else ChargerContract
    _class = f"Test_{_name}"
    globals()[_class] = type(_class, (_contract,), {"name": _name, "__module__": __name__})
