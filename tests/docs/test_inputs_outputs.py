"""The README's tables of inputs and outputs are those of the Terraform files."""

import re

import pytest

from tests.docs.markdown import ROOT, rows
from tools.inputs_outputs import BLOCKS, Declaration, declarations, filled, input_table

README = (ROOT / "README.md").read_text("utf-8")
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


def test_they_are_up_to_date() -> None:
    assert filled(README) == README, "out of date: python -m tools.inputs_outputs README.md"


@pytest.mark.parametrize(("block", "file"), [("inputs", "variables.tf"), ("outputs", "outputs.tf")])
def test_they_leave_nothing_out(block: str, file: str) -> None:
    declared = re.findall(r'^(?:variable|output) "(\w+)"', (ROOT / file).read_text("utf-8"), re.MULTILINE)

    assert [row[0].strip("`") for row in rows(BLOCKS[block]())] == declared


def test_a_declaration_stands_under_its_heading_with_its_own_attributes() -> None:
    tags, name, rate = declarations(VARIABLES)

    assert (tags.heading, name.heading, rate.heading) == ("What", "What", "When")
    assert tags.description == 'Tags, with a "quote" and a | in it.'
    assert tags.attributes["default"] == '{Project = "x"}'
    assert "condition" not in tags.attributes


def test_a_table_tells_default_and_type_and_what_is_required() -> None:
    assert input_table(declarations(VARIABLES)).splitlines()[2:] == [
        '| `tags` | Tags, with a "quote" and a \\| in it. | `map(string)` | `{Project = "x"}` |',
        "| `name` | Name. | `string` | required |",
        "| `rate` | Rate. | `string` | `null` |",
    ]


def test_a_declaration_without_a_description_is_refused() -> None:
    with pytest.raises(ValueError, match="name has no description"):
        _ = Declaration("What", "name", {"type": "string"}).description


def test_a_block_that_is_out_of_date_is_made_anew_and_the_rest_is_left_alone() -> None:
    stale = "Before.\n<!-- outputs -->\nold\n<!-- /outputs -->\nAfter.\n"

    assert filled(stale) == f"Before.\n<!-- outputs -->\n\n{BLOCKS['outputs']()}\n\n<!-- /outputs -->\nAfter.\n"
