"""One plan of the module in many variants, for the tests that read a plan."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.terraform import Terraform

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def planned() -> dict[str, list[Any]]:
    """Return the planned resources' values by their type."""
    with Terraform(ROOT / "tests" / "terraform" / "every_policy", {}, within=ROOT) as terraform:
        terraform.init()
        lines = terraform.run("test", "-json", "-verbose").stdout.splitlines()
    [plan] = (line["test_plan"] for line in map(json.loads, lines) if line["type"] == "test_plan")
    resources: dict[str, list[Any]] = {}
    for resource in plan["resource_changes"]:
        resources.setdefault(resource["type"], []).append(resource["change"]["after"])
    return resources
