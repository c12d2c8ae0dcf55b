"""The README's tables of inputs and outputs, made from the Terraform files that declare them.

    python -m tools.inputs_outputs README.md

makes every marked block of the files anew; a test tells when one is out of date. Reads Terraform as `terraform fmt`
leaves it, which is all that the module's own files need.
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[1]

_MARKED = re.compile(r"(?P<begin><!-- (?P<name>inputs|outputs) -->\n).*?(?P<end><!-- /(?P=name) -->)", re.DOTALL)
# A heading is a comment between blank lines; a declaration ends at the first brace that is not indented.
_HEADING_OR_DECLARATION = re.compile(
    r'^# (?P<heading>[^\n]+)\n\n|^(?:variable|output) "(?P<name>\w+)" \{\n(?P<body>.*?)^\}', re.MULTILINE | re.DOTALL
)
# A value goes on over lines that are indented further than the attribute, and over the bracket that closes it.
_ATTRIBUTE = re.compile(r"^  (?P<key>\w+) += (?P<value>.+(?:\n   .*|\n  [\])}].*)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Declaration:
    """A variable or an output: under which heading it stands, and its attributes as they are written."""

    heading: str
    name: str
    attributes: Mapping[str, str]

    @property
    def description(self) -> str:
        """The description without its quotes; every declaration must have one."""
        if "description" not in self.attributes:
            raise ValueError(f"{self.name} has no description")
        return self.attributes["description"].strip('"').replace('\\"', '"')


def filled(text: str) -> str:
    """Return a text with the content of its marked blocks made anew."""
    return _MARKED.sub(lambda m: f"{m['begin']}\n{BLOCKS[m['name']]()}\n\n{m['end']}", text)


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
    found, heading = [], ""
    for match in _HEADING_OR_DECLARATION.finditer(text):
        heading = match["heading"] or heading
        if match["name"]:
            attributes = {a["key"]: " ".join(a["value"].split()) for a in _ATTRIBUTE.finditer(match["body"])}
            found.append(Declaration(heading, match["name"], attributes))
    return found


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


def main(paths: Iterable[str]) -> None:
    """Make the marked blocks of files anew."""
    for path in map(Path, paths):
        path.write_text(filled(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
