"""What docs/architecture.md says of errors, tags and time is what the code does."""

import re

import pytest

from ebs_backup.apply.creator import SETTLED
from ebs_backup.apply.executor import FEW_CONNECTIONS, REQUESTS_PER_CONNECTION
from ebs_backup.apply.look import LOOK_AGE
from ebs_backup.apply.pacing import FASTER, SPARE
from ebs_backup.apply.recovery import MAX_ATTEMPTS
from ebs_backup.model.codes import WAITS, Kind, kind_of
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.tags import MAX_TAGS, creation_tags
from ebs_backup.model.time_budget import CALL_TIMEOUT, CONNECT_TIMEOUT, GRACE, READ_TIMEOUT, RESERVE
from ebs_backup.model.values import Attachment, Create, Volume
from ebs_backup.runs.rounds import PAUSE, REFILLED
from tests.docs.markdown import ROOT, codes, rows, section

PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
TEXT = " ".join(PAGE.split())


def test_every_kind_of_error_is_told_in_the_codes_order() -> None:
    assert [kind for kind, *_ in rows(section(PAGE, "Errors"))] == [kind.name.lower() for kind in Kind]


def test_every_code_is_of_the_kind_it_is_listed_under() -> None:
    told = {code: kind for kind, listed, _ in rows(section(PAGE, "Errors")) for code in codes(listed)}

    assert told == {code: kind_of(code, status=400).name.lower() for code in told}
    assert WAITS.keys() <= told.keys()


def test_every_tag_of_a_snapshot_is_told() -> None:
    volume = Volume("vol-1", "eu-west-1a", "gp3", 8, 3000, 125, (Attachment("i-1", "/dev/xvda"),))
    deployment = Deployment(name="x", tag_prefix="<prefix>")
    tags = creation_tags(deployment, Create((volume,), ""), "eu-west-1", "run")

    told = [code for row in rows(section(PAGE, "Tags")) for code in codes(row[0])]
    assert {code for code in told if code == "Name" or code.startswith("<prefix>")} == tags.keys()


@pytest.mark.parametrize(
    "words",
    [
        f"at most {LOOK_AGE:.0f} seconds old",
        f"if a look {SETTLED:.0f} seconds later still shows nothing",
        f"tried {MAX_ATTEMPTS} times at most",
        f"{min(WAITS.values()):.0f} to {max(WAITS.values()):.0f} seconds",
        f"up to {FEW_CONNECTIONS} connections, and more where limits are raised",
        f"one for every {REQUESTS_PER_CONNECTION} requests",
        f"{('no', 'one', 'two')[SPARE]} requests short of a burst",
        f"comes back by {(FASTER - 1) * 100:.1f} percent",
        f"last {RESERVE} seconds before Lambda's timeout: {CALL_TIMEOUT} of them",
        f"{GRACE} more let reading",
        f"({CONNECT_TIMEOUT} to connect, {READ_TIMEOUT} to read)",
        f"EC2's limit of {MAX_TAGS}",
        f"starts after {REFILLED} s,",
        f"after a curable failure, after {PAUSE} s and then {2 * PAUSE} s",
    ],
)
def test_its_figures_are_the_codes(words: str) -> None:
    assert words in TEXT


def test_modules_that_it_names_are_linked() -> None:
    named = set(re.findall(r"`(\w+\.py)`", PAGE))

    assert named == set(re.findall(r"function/ebs_backup/(\w+\.py)\)", PAGE))
