"""The tables of inputs and outputs in the documentation, made from the Terraform files that declare them.

`tools.docs` writes them into the pages.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).parents[1]

# hcl2 reads comments without their place, so the text is split at its headings: comments before an empty line.
_HEADING = re.compile(r"^# ([^\n]+)\n\n", re.MULTILINE)
_AS_WRITTEN = hcl2.SerializationOptions(wrap_objects=True, wrap_tuples=True)


@dataclass(frozen=True, slots=True)
class Declaration:
    """A variable or an output: its heading, its name, and its attributes as Terraform code."""

    heading: str
    name: str
    attributes: Mapping[str, str]

    @property
    def description(self) -> str:
        """The description as plain text; raises ValueError if there is none."""
        if "description" not in self.attributes:
            raise ValueError(f"{self.name} has no description")
        return str(json.loads(self.attributes["description"]))


def inputs() -> str:
    """Return the tables of the module's variables, one for each heading."""
    declared = declarations((ROOT / "variables.tf").read_text("utf-8"))
    tables = [f"**{heading}**\n\n{input_table(group)}" for heading, group in groupby(declared, lambda d: d.heading)]
    return "\n\n".join(tables)


def outputs() -> str:
    """Return the table of the module's outputs."""
    rows = [(f"`{d.name}`", d.description) for d in declarations((ROOT / "outputs.tf").read_text("utf-8"))]
    return _table(("name", "description"), rows)


BLOCKS: Mapping[str, Callable[[], str]] = {"inputs": inputs, "outputs": outputs}


def declarations(text: str) -> list[Declaration]:
    """Return the variables or outputs that a Terraform file declares, in its order."""
    before, *sections = _HEADING.split(text)
    headed = [("", before), *zip(sections[::2], sections[1::2], strict=True)]
    return [
        Declaration(heading, json.loads(name), _attributes(body))
        for heading, section in headed
        for block in _blocks(section)
        for name, body in block.items()
    ]


def _blocks(section: str) -> Iterable[Mapping[str, Any]]:
    parsed = hcl2.loads(section, serialization_options=_AS_WRITTEN)
    return [*parsed.get("variable", ()), *parsed.get("output", ())]


def _attributes(body: Mapping[str, Any]) -> dict[str, str]:
    return {key: _as_code(value) for key, value in body.items() if key != "validation" and not key.startswith("__")}


def _as_code(value: Any) -> str:
    """Return a value as Terraform code: hcl2 puts every expression but a literal into ${...}."""
    if isinstance(value, str):
        return value.removeprefix("${").removesuffix("}") if value.startswith("${") else value
    return json.dumps(value)


def input_table(declared: Iterable[Declaration]) -> str:
    """Return the table of some variables; one without a default is required."""
    rows = [
        (f"`{d.name}`", d.description, f"`{d.attributes['type']}`", _default(d.attributes.get("default")))
        for d in declared
    ]
    return _table(("name", "description", "type", "default"), rows)


def _default(value: str | None) -> str:
    return "required" if value is None else f"`{value}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join([_row(head), "|---" * len(head) + "|", *map(_row, cells)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
