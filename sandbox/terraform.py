"""Runs Terraform on a configuration as a user would, and leaves nothing behind in its folder."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

_NOT_COPIED: Final = shutil.ignore_patterns(".*", "__pycache__", "*.tfstate*")
_TRIED: Final = """
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}
"""
"""Holds the copy to the provider releases that the sandbox was tried with, whatever else the module admits."""
_NOTHING_CHANGES: Final = 0
_SOMETHING_CHANGES: Final = 2


class TerraformError(RuntimeError):
    """A Terraform command failed; the text is all that it said."""


class Terraform:
    """Terraform on a copy of a folder, for as long as its `with` block lasts: the folder itself stays as it is.

    `within` is what to copy when the configuration reaches out of its folder, as an example does to its module. The
    environment given replaces every AWS setting of this process.
    """

    def __init__(self, directory: str | Path, environment: Mapping[str, str], within: str | Path | None = None) -> None:
        self._original = Path(directory).resolve()
        self._within = Path(within or directory).resolve()
        self._environment = environment
        self._open = ExitStack()

    def __enter__(self) -> Self:
        work = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="terraform-")))
        shutil.copytree(self._within, work, dirs_exist_ok=True, ignore=_NOT_COPIED)
        self.directory = work / self._original.relative_to(self._within)
        if any("hashicorp/aws" in file.read_text(encoding="utf-8") for file in self.directory.glob("*.tf")):
            (self.directory / "tried_override.tf").write_text(_TRIED, encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def init(self) -> None:
        """Initialise, with the providers of a local mirror if there is one."""
        mirror = provider_mirror()
        self.run("init", "-input=false", *([f"-plugin-dir={mirror}"] if mirror else []))

    def apply(self, *, on_line: Callable[[str], object] = lambda _: None, **variables: Any) -> str:
        """Apply with these variables and return what Terraform said, line by line to `on_line` as well."""
        return self.run("apply", "-input=false", "-auto-approve", *_settings(variables), on_line=on_line).stdout

    def changes_pending(self, **variables: Any) -> bool:
        """Plan, and tell whether anything would change."""
        arguments = ("-input=false", "-detailed-exitcode", *_settings(variables))
        return self.run("plan", *arguments, allow=_SOMETHING_CHANGES).returncode == _SOMETHING_CHANGES

    def destroy(self, *, on_line: Callable[[str], object] = lambda _: None, **variables: Any) -> str:
        """Destroy everything and return what Terraform said, line by line to `on_line` as well."""
        return self.run("destroy", "-input=false", "-auto-approve", *_settings(variables), on_line=on_line).stdout

    def output(self) -> dict[str, Any]:
        """Read the outputs' values."""
        outputs = json.loads(self.run("output", "-json").stdout)
        return {name: output["value"] for name, output in outputs.items()}

    def run(
        self, command: str, *arguments: str, allow: int = 0, on_line: Callable[[str], object] = lambda _: None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command and raise what it said unless it succeeds, or ends with the status that is allowed too."""
        whole = ["terraform", f"-chdir={self.directory}", command, *arguments, *_plain(command)]
        environment = {**surroundings(), **self._environment}
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8") as complaints,
            subprocess.Popen(
                whole, env=environment, text=True, encoding="utf-8", stdout=subprocess.PIPE, stderr=complaints
            ) as process,
        ):
            said = []
            for line in process.stdout or ():
                said.append(line)
                on_line(line)
            status = process.wait()
            complaints.seek(0)
            done = subprocess.CompletedProcess(whole, status, "".join(said), complaints.read())
        if status not in (_NOTHING_CHANGES, allow):
            raise TerraformError(f"terraform {command} failed:\n{done.stdout}{done.stderr}")
        return done


def _plain(command: str) -> list[str]:
    return ["-no-color"] if command in ("init", "plan", "apply", "destroy", "output", "validate") else []


def _settings(variables: Mapping[str, Any]) -> list[str]:
    """Write variables as Terraform takes them: text as it is, everything else as JSON."""
    return [
        f"-var={name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in variables.items()
    ]


def surroundings() -> dict[str, str]:
    """Give this process's environment without AWS settings, and without a Terraform configuration that is not there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    if not Path(kept.get("TF_CLI_CONFIG_FILE", "/")).exists():
        del kept["TF_CLI_CONFIG_FILE"]
    return kept | {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}


def provider_mirror() -> Path | None:
    """Find a folder to install providers from without the registry.

    TF_PLUGIN_DIR names one; otherwise the usual places are searched for one that holds the AWS provider.
    """
    if named := os.environ.get("TF_PLUGIN_DIR"):
        return Path(named)
    holding = (place for place in _places() if (place / "registry.terraform.io/hashicorp/aws").is_dir())
    return next(holding, None)


def _places() -> Iterator[Path]:
    for parent in (Path("/usr/share/terraform"), Path("/usr/local/share/terraform"), Path.home() / ".terraform.d"):
        yield from (parent.parent if parent.name == "terraform" else parent, parent, parent / "plugins")
    add_ons = Path("/opt")
    if add_ons.is_dir():
        yield from sorted(add_ons.iterdir())


def is_installed() -> bool:
    """Tell whether there is a Terraform to run."""
    return shutil.which("terraform") is not None
