import io

import pytest
from rich.console import Console

from sandbox.demo.screen import Screen, Underway


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def screen(output: io.StringIO) -> Screen:
    return Screen(Console(file=output, highlight=False))


def test_progress_names_the_resource_that_takes_longest() -> None:
    underway = Underway()
    for line in (
        "module.backup.aws_s3_bucket.own[0]: Creating...",
        "module.backup.aws_iam_role.run: Creating...",
        "module.backup.aws_s3_bucket.own[0]: Creation complete after 1s [id=b]",
        "module.backup.aws_sqs_queue.failed_runs: Modifying... [id=q]",
        "module.backup.aws_iam_role.run: Still creating... [10s elapsed]",
    ):
        underway.read(line)

    assert str(underway) == "aws_iam_role.run"


def test_progress_names_nothing_when_all_is_complete() -> None:
    underway = Underway()
    underway.read("aws_iam_role.run: Destroying... [id=r]")
    underway.read("aws_iam_role.run: Destruction complete after 0s")
    underway.read("Destroy complete! Resources: 1 destroyed.")

    assert str(underway) == ""


def test_step_prints_its_end_and_no_control_codes_into_a_file(screen: Screen, output: io.StringIO) -> None:
    with screen.step("terraform init"):
        pass

    assert output.getvalue() == "✓ terraform init 0 s\n"


def test_failed_step_prints_no_end(screen: Screen, output: io.StringIO) -> None:
    with pytest.raises(ValueError, match="no"), screen.step("terraform init"):
        raise ValueError("no")

    assert output.getvalue() == ""


def test_table_and_quotation_have_no_trailing_spaces(screen: Screen, output: io.StringIO) -> None:
    screen.table("Left out", "Region", "GiB", rows=[("eu-west-1", "8"), ("us-east-1", "16")], right="GiB")
    screen.quote("  a = {\n    b = 1\n  }")

    lines = output.getvalue().splitlines()
    assert lines == [line.rstrip() for line in lines]
    assert lines[-4:] == ["    a = {", "      b = 1", "    }", ""]
