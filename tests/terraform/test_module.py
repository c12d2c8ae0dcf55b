"""The tests in tests/*.tftest.hcl pass: `terraform test` runs them with a mocked provider."""

from pathlib import Path

import pytest

from sandbox.terraform import Terraform

pytestmark = pytest.mark.terraform

ROOT = Path(__file__).parents[2]
FILES = sorted(path.name for path in (ROOT / "tests").glob("*.tftest.hcl"))


@pytest.mark.parametrize("name", FILES)
def test_terraform_test_passes(name: str) -> None:
    with Terraform(ROOT, {}) as terraform:
        terraform.init()
        terraform.run("test", "-no-color", f"-filter=tests/{name}")
