"""A saved plan needs, to be applied on another machine, the sources alone."""

import shutil
from pathlib import Path

import pytest

from tests.zip.archive import contents, decode
from tests.zip.workspace import USAGE, checkout

pytestmark = pytest.mark.terraform

UPLOAD = """
resource "terraform_data" "object" {
  input = module.package.base64

  triggers_replace = module.package.sha256
}

output "uploaded" {
  value = terraform_data.object.output
}
"""

PROGRAM = {
    "package/__init__.py": b"",
    "package/handler.py": b"HANDLED = True\r\n",
    "package/words.py": "W = 'é'\n".encode(),
}
REPOSITORY = {
    "main.tf": (USAGE + UPLOAD).encode(),
    **{f"function/{path}": content for path, content in PROGRAM.items()},
}


def test_saved_plan_applies_from_another_checkout(tmp_path: Path) -> None:
    planner = checkout(tmp_path / "planner" / "work", REPOSITORY)
    planner.terraform("plan", "-no-color", "-out=saved.tfplan")
    plan = (planner.directory / "saved.tfplan").read_bytes()
    shutil.rmtree(planner.directory)

    applier = checkout(tmp_path / "applier", REPOSITORY, umask=0o077)
    applier.write({"saved.tfplan": plan})
    outputs = applier.apply("saved.tfplan")

    assert outputs["uploaded"] == outputs["package"]["base64"]
    assert contents(decode(outputs["package"])) == PROGRAM
    applier.terraform("plan", "-no-color", "-detailed-exitcode")


def test_text_can_be_known_after_apply(tmp_path: Path) -> None:
    root = """
    resource "terraform_data" "late" {
      input = "created while applying"
    }

    module "package" {
      source = "./modules/zip"
      files  = { "late.txt" = terraform_data.late.output, "early.txt" = "known" }
    }

    output "package" {
      value = module.package
    }
    """
    package = checkout(tmp_path, {"main.tf": root.encode()}).apply("-auto-approve")["package"]
    assert contents(decode(package)) == {"early.txt": b"known", "late.txt": b"created while applying"}
