"""What docs/architecture.md says of errors, tags and time is what the code does."""

import re
from dataclasses import replace

import pytest

from ebs_backup.apply.creator import SETTLED
from ebs_backup.apply.executor import FEW_CONNECTIONS, REQUESTS_PER_CONNECTION
from ebs_backup.apply.look import LOOK_AGE
from ebs_backup.apply.pacing import FASTER, SPARE
from ebs_backup.apply.recovery import MAX_ATTEMPTS
from ebs_backup.model.codes import CODES, Kind, kind_of
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.retention import Retention
from ebs_backup.model.tags import DELETE_AFTER_TAG, HOLD_TAG, MAX_TAGS, creation_tags, description, tag_key
from ebs_backup.model.time_budget import CALL_TIMEOUT, CONNECT_TIMEOUT, GRACE, READ_TIMEOUT, RESERVE
from ebs_backup.model.values import Attachment, Create, Volume
from ebs_backup.runs.rounds import PAUSE, REFILLED
from tests.docs.markdown import ROOT, codes, fences, links, rows, section

PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
WAITS = [entry.wait_seconds for entry in CODES.values() if entry.wait_seconds]
TEXT = " ".join(PAGE.split())


def test_kinds_of_error_stand_in_the_codes_order() -> None:
    assert [kind for kind, *_ in rows(section(PAGE, "Errors"))] == [kind.name.lower() for kind in Kind]


def test_codes_stand_under_their_kind() -> None:
    listed_under = {code: kind for kind, listed, _ in rows(section(PAGE, "Errors")) for code in codes(listed)}

    assert listed_under == {code: kind_of(code, status=400).name.lower() for code in listed_under}
    assert {code for code, entry in CODES.items() if entry.wait_seconds} <= listed_under.keys()


def test_table_has_every_tag_of_a_snapshot() -> None:
    volume = Volume("vol-1", "eu-west-1a", "gp3", 8, 3000, 125, (Attachment("i-1", "/dev/xvda"),))
    deployment = Deployment(name="x", tag_prefix="<prefix>")
    tags = creation_tags(deployment, Create((volume,), ""), "eu-west-1", "run")

    later = {tag_key(deployment, word) for word in (DELETE_AFTER_TAG, HOLD_TAG)}

    listed = [code for row in rows(section(PAGE, "Tags")) for code in codes(row[0])]
    assert {code for code in listed if code == "Name" or code.startswith("<prefix>")} == tags.keys() | later


def test_description_shown_is_the_codes() -> None:
    [example] = fences(section(PAGE, "Whose a snapshot is"), "text")
    instance, run_id = "i-0123456789abcdef0", "2026-11-23T03:00:00Z"
    volume = Volume("vol-0123456789abcdef0", "eu-west-1a", "gp3", 8, None, None, (Attachment(instance, "/dev/xvda"),))
    named = replace(volume, tags={"Name": "web-1"})
    retention, schedule = Retention(daily=7, weekly=4), "cron(0 3 * * ? *)"
    deployment = Deployment(name="ebs-backup", retention=retention, schedule_expression=schedule)

    assert example.strip() == description(deployment, Create((named,), ""), run_id)


@pytest.mark.parametrize(
    "words",
    [
        f"at most {LOOK_AGE:.0f} seconds old",
        f"if a look {SETTLED:.0f} seconds later still shows nothing",
        f"tried {MAX_ATTEMPTS} times at most",
        f"{min(WAITS):.0f} to {max(WAITS):.0f} seconds",
        f"up to {FEW_CONNECTIONS} connections.",
        f"one for every {REQUESTS_PER_CONNECTION} requests",
        f"{('no', 'one', 'two')[SPARE]} requests short of a burst",
        f"comes back by {(FASTER - 1) * 100:.1f} percent",
        f"last {RESERVE} seconds before Lambda's timeout:",
        f"| {CALL_TIMEOUT} | the longest that a call may take",
        f"| {GRACE} | reading the results",
        f"({CONNECT_TIMEOUT} to connect, {READ_TIMEOUT} to read)",
        f"EC2's limit of {MAX_TAGS}",
        f"starts after {REFILLED} s,",
        f"After a curable failure it starts after {PAUSE} s and then {2 * PAUSE} s",
    ],
)
def test_figures_are_the_codes(words: str) -> None:
    assert words in TEXT


def test_every_folder_of_the_function_is_described() -> None:
    folders = {path.parent.name for path in (ROOT / "function" / "ebs_backup").glob("*/__init__.py")}

    assert folders == {
        path.rpartition("/")[2] for path in links(PAGE) if re.fullmatch(r"\.\./function/ebs_backup/\w+", path)
    }
