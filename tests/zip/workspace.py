"""Owns the directories in which Terraform runs modules/zip; must not know what a zip archive is."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODULE = Path(__file__).parents[2] / "modules" / "zip"

README = (MODULE / "README.md").read_text(encoding="utf-8")
USAGE = "".join(re.findall(r"^```hcl\n(.*?)^```$", README, re.DOTALL | re.MULTILINE))
"""The root module that the README shows: it packs the Python files under function/."""

EVERY_TREE = b"""
variable "trees" {
  type = map(map(string))
}

module "package" {
  source   = "./modules/zip"
  for_each = var.trees

  files = each.value
}

output "packages" {
  value = module.package
}
"""

Trees = Mapping[str, Mapping[str, str | None]]
"""Texts by path, of each tree by its name."""

Package = dict[str, str]
"""The module's outputs."""

Pack = Callable[[Trees], dict[str, Package]]


class TerraformError(Exception):
    """Terraform refused; the message is what it printed."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A directory that holds a root module and, in modules/zip, the module under test."""

    directory: Path
    umask: int = 0o022

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write files by their relative paths, with the modes that the umask leaves."""
        with process_umask(self.umask):
            for path, content in files.items():
                target = self.directory / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)

    def terraform(self, command: str, *options: str) -> str:
        """Run one command and return what it printed."""
        completed = subprocess.run(
            ["terraform", command, *options],
            cwd=self.directory,
            umask=self.umask,
            env=environment(),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if completed.returncode:
            raise TerraformError(completed.stdout + completed.stderr)
        return completed.stdout

    def apply(self, *options: str) -> dict[str, Any]:
        """Apply the root module, or a saved plan of it, and return its outputs."""
        self.terraform("apply", "-no-color", *options)
        outputs = json.loads(self.terraform("output", "-json"))
        return {name: output["value"] for name, output in outputs.items()}


def checkout(directory: Path, files: Mapping[str, bytes], *, umask: int = 0o022) -> Workspace:
    """Lay out a new workspace of these files and initialise it."""
    module = {f"modules/zip/{source.name}": source.read_bytes() for source in MODULE.glob("*.tf")}
    workspace = Workspace(directory, umask)
    workspace.write({**module, **files})
    workspace.terraform("init", "-no-color")
    return workspace


def packer(directory: Path) -> Pack:
    """Return a function that packs trees, all in one run, and returns the package of each."""
    workspace = checkout(directory, {"main.tf": EVERY_TREE})

    def pack(trees: Trees) -> dict[str, Package]:
        workspace.write({"terraform.tfvars.json": json.dumps({"trees": trees}).encode()})
        packages: dict[str, Package] = workspace.apply("-auto-approve")["packages"]
        return packages

    return pack


def environment() -> dict[str, str]:
    """Return this process's environment less the settings with which a developer steers Terraform."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    return {**kept, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}


@contextmanager
def process_umask(umask: int) -> Iterator[None]:
    """Hold the process to a umask."""
    previous = os.umask(umask)
    try:
        yield
    finally:
        os.umask(previous)
