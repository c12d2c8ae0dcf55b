"""The tables of inputs and outputs are those of the Terraform files."""

import re

import pytest

from tests.docs.markdown import ROOT, rows
from tools.inputs_outputs import BLOCKS, Declaration, declarations, input_table

VARIABLES = """# What

variable "tags" {
  description = "Tags, with a \\"quote\\" and a | in it."
  type        = map(string)
  default = {
    Project = "x"
  }
  nullable = false

  validation {
    condition     = length(var.tags) <= 50
    error_message = "no"
  }
}

variable "name" {
  description = "Name."
  type        = string
}

# When

variable "rate" {
  description = "Rate."
  type        = string
  default     = null
}
"""


@pytest.mark.parametrize(("block", "file"), [("inputs", "variables.tf"), ("outputs", "outputs.tf")])
def test_tables_leave_nothing_out(block: str, file: str) -> None:
    declared = re.findall(r'^(?:variable|output) "(\w+)"', (ROOT / file).read_text("utf-8"), re.MULTILINE)

    assert [row[0].strip("`") for row in rows(BLOCKS[block]())] == declared


def test_declaration_stands_under_its_heading() -> None:
    tags, name, rate = declarations(VARIABLES)

    assert (tags.heading, name.heading, rate.heading) == ("What", "What", "When")
    assert tags.description == 'Tags, with a "quote" and a | in it.'
    assert tags.attributes["default"] == '{Project = "x"}'
    assert "condition" not in tags.attributes


def test_table_shows_type_and_default() -> None:
    assert input_table(declarations(VARIABLES)).splitlines()[2:] == [
        '| `tags` | Tags, with a "quote" and a \\| in it. | `map(string)` | `{Project = "x"}` |',
        "| `name` | Name. | `string` | required |",
        "| `rate` | Rate. | `string` | `null` |",
    ]


def test_declaration_without_description_is_refused() -> None:
    with pytest.raises(ValueError, match="name has no description"):
        _ = Declaration("What", "name", {"type": "string"}).description
