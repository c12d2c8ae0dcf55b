import pytest

from ebs_backup.aws.error import Ec2Error
from ebs_backup.model.codes import WAITS, Kind, kind_of
from ebs_backup.model.values import Problem


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("RequestLimitExceeded", 503, Kind.THROTTLED),
        ("RequestLimitExceeded", 400, Kind.THROTTLED),
        ("InternalError", 500, Kind.AMBIGUOUS),
        ("SnapshotCreationPerVolumeRateExceeded", 400, Kind.AMBIGUOUS),
        ("SomethingNew", 502, Kind.AMBIGUOUS),
        ("SomethingNew", 400, Kind.REFUSED),
        ("ConcurrentSnapshotLimitExceeded", 400, Kind.WAIT),
        ("SnapshotLimitExceeded", 400, Kind.REGION_FULL),
        ("InvalidVolume.NotFound", 400, Kind.GONE),
        ("AuthFailure", 401, Kind.DENIED),
        ("UnauthorizedOperation", 403, Kind.DENIED),
    ],
)
def test_a_code_says_what_to_do_and_an_unknown_one_only_whether_it_was_the_servers_fault(
    code: str, status: int, kind: Kind
) -> None:
    assert kind_of(code, status) is kind


def test_every_code_that_is_waited_out_has_its_time() -> None:
    assert all(kind_of(code, 400) is Kind.WAIT for code in WAITS)


def test_an_error_reads_as_operation_code_and_words() -> None:
    error = Ec2Error("CreateSnapshot", "IncorrectState", "Volume is creating", Kind.WAIT)

    assert str(error) == "CreateSnapshot: IncorrectState: Volume is creating"
    assert error.problem == Problem("CreateSnapshot", "IncorrectState", "Volume is creating")
