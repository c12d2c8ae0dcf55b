"""What the README says of the module is so."""

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.retention import in_words
from ebs_backup.model.tags import HOLD_TAG, tag_key
from ebs_backup.plan.selection import OPT_OUT_TAG
from tests.docs.markdown import ROOT, codes, fences, headings, rows, section
from tools.quickstart import LOCAL, REMOTE
from tools.retention_calendar import POLICY

README = (ROOT / "README.md").read_text("utf-8")
DEPLOYMENT = Deployment(name="ebs-backup")


def test_block_to_copy_is_the_quickstart() -> None:
    quickstart = (ROOT / "examples" / "quickstart" / "main.tf").read_text("utf-8")

    assert fences(README, "hcl")[0].replace(REMOTE, LOCAL) == quickstart


def test_block_to_copy_has_one_placeholder() -> None:
    [block, *_] = fences(README, "hcl")

    assert len([line for line in block.splitlines() if "OWNER" in line]) == 1
    assert "  dry_run = " in block
    assert "?ref=" in REMOTE


def test_deletions_come_before_features() -> None:
    titles = headings(README)

    assert titles.index("What it deletes") < titles.index("What you get")


def test_deletion_has_the_default_delay() -> None:
    deletes = " ".join(section(README, "What it deletes").split())

    assert DEPLOYMENT.deletion_delay_days == 3
    assert "**deletes** those announced three days before" in deletes
    assert f"`{tag_key(DEPLOYMENT, HOLD_TAG)}` stays for ever" in deletes


def test_tag_that_leaves_a_volume_out_is_the_codes() -> None:
    assert f"`{tag_key(DEPLOYMENT, OPT_OUT_TAG)}` = `true`" in section(README, "Leave out a volume")


def test_retention_is_said_in_the_words_of_a_run() -> None:
    assert f"> {in_words(POLICY)}" in section(README, "What it deletes")


def test_alarms_that_begin_by_themselves_exist() -> None:
    alarms = [codes(row[0])[0] for row in rows(section(README, "How you know that it works"))]
    known = codes(section((ROOT / "docs" / "operations.md").read_text("utf-8"), "Who gets an alarm"))

    assert alarms == ["ebs-backup-no-run", "ebs-backup-uncovered-volumes"]
    assert set(alarms) <= set(known)
