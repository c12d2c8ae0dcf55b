import pytest

from ebs_backup.model.limits import PUBLISHED
from ebs_backup.model.values import Action, Announce, Create, Delete, Plan, Tag
from ebs_backup_cli.estimate import seconds_at_least
from tests.unit.builders import volume

ALONE = Create((volume("vol-1"),), "")
OF_AN_INSTANCE = Create((volume("vol-1", "i-1"),), "", instance_id="i-1")
SET = Create((volume("vol-1", "i-1"), volume("vol-2", "i-1")), "", instance_id="i-1")


@pytest.mark.parametrize(
    ("actions", "seconds"),
    [
        ([], 0),
        ([ALONE] * 100, 0),
        ([ALONE] * 600, 100),
        ([OF_AN_INSTANCE] * 1200, 100),  # by both operations
        ([SET] * 600, 110),  # the tags take longer than the sets
        ([SET] * 300 + [OF_AN_INSTANCE] * 1200, 130),
        ([Tag("snap-1", "vol-1", {}, "")] * 1100, 100),
        ([Announce("snap-1", "vol-1", "", None)] * 11_000, 1),  # 100 in one request
        ([ALONE] * 600 + [Delete("snap-1", "vol-1", "")] * 600, 200),
    ],
)
def test_slowest_bucket_decides(actions: list[Action], seconds: float) -> None:
    assert seconds_at_least(Plan("eu-west-1", 0, tuple(actions)), PUBLISHED) == pytest.approx(seconds)
