"""The HTTP API against its own description, asked by schemathesis: whatever fits it, and whatever does not.

`make fuzz` asks much more (API_EXAMPLES).
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from edge.model.role import GIVEN
from edge.shell import passwords
from edge.web.__main__ import description
from tests.fakes.served import Served

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis: make test-venv")
checking = pytest.importorskip("schemathesis.checks")

EXAMPLES = int(os.environ.get("API_EXAMPLES", "3"))

# An endless answer; schemathesis would wait for its end.
ENDLESS = ("stream",)

# A refusal for a reason that no schema can say (no such bay, a window that overlaps) is no fault of ours.
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance",
          "response_schema_conformance", "negative_data_rejection")  # fmt: skip

OPERATIONS = sorted(
    (operation["operationId"], method, path)
    for path, item in description()["paths"].items()
    for method, operation in item.items()
    if operation["operationId"] not in ENDLESS
)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(passwords, "COST", 16)
        patched.setattr(passwords, "TIMES", 1)
        depot = Served()
        depot.tick(25)
        yield depot
        depot.close()


@pytest.fixture(scope="module")
def secret(served: Served) -> str:
    return served.rig.desk.reception.token_add("fuzz", GIVEN[-1].word, "test")[1]


@pytest.fixture(scope="module")
def schema() -> Any:
    config = schemathesis.Config.from_dict(
        {"generation": {"mode": "all"}, "checks": {name: {"enabled": True} for name in CHECKS}}
    )
    return schemathesis.openapi.from_dict(description(), config=config)


@pytest.mark.parametrize(("name", "method", "path"), OPERATIONS, ids=[each[0] for each in OPERATIONS])
def test_an_operation_is_what_its_description_says(
    served: Served, secret: str, schema: Any, name: str, method: str, path: str
) -> None:
    operation = schema[path][method.upper()]
    checking.load_all_checks()
    checks = checking.CHECKS.get_by_names(list(CHECKS))

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=EXAMPLES < 10,
        suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate, Phase.shrink),
    )  # fmt: skip
    def ask(case: Any) -> None:
        answer = case.call(base_url=served.url, headers={"Authorization": f"Bearer {secret}"}, timeout=20)
        case.validate_response(answer, checks=checks)

    ask()
