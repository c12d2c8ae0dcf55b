"""Owns root modules that call the module's variables many times in one plan; must not know their rules."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
WITHOUT_PROVIDER = ("variables.tf",)


def lay_out(directory: Path, calls: Sequence[Mapping[str, Any]], answer: str = "null") -> Path:
    """Make and initialise a root module with a call for each set of arguments; each outputs an expression."""
    module = directory / "module"
    module.mkdir(parents=True)
    for name in WITHOUT_PROVIDER:
        shutil.copy(ROOT / name, module)
    (module / "outputs.tf").write_text(f'output "answer" {{\n  value = {answer}\n}}\n', encoding="utf-8")
    (directory / "main.tf").write_text(_configuration(calls), encoding="utf-8")
    subprocess.run(["terraform", "init", "-input=false"], cwd=directory, check=True, capture_output=True)
    return directory


def _configuration(calls: Sequence[Mapping[str, Any]]) -> str:
    names = sorted({name for call in calls for name in call})
    arguments = "\n".join(f"{name} = try(local.calls[count.index].{name}, null)" for name in names)
    return f"""
        locals {{
          calls = {_expression(calls)}
        }}
        module "call" {{
          source = "./module"
          count  = length(local.calls)
          {arguments}
        }}
        """


def _expression(value: Any) -> str:
    """Return a value as a Terraform expression: JSON with the two marks of a template escaped."""
    return re.sub(r"([$%])\{", r"\1\1{", json.dumps(value, ensure_ascii=False))
