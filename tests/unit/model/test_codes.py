from collections import Counter

import pytest

from ebs_backup.aws.error import Ec2Error
from ebs_backup.model.codes import CODES, ENTRIES, Code, Kind, kind_of, meaning
from ebs_backup.model.values import Problem


def test_every_code_has_one_entry() -> None:
    assert [
        code for code, times in Counter(code for entry in ENTRIES for code in entry.codes).items() if times > 1
    ] == []


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.codes[0])
def test_every_entry_has_a_remedy_and_a_wait_if_it_is_to_wait(entry: Code) -> None:
    assert entry.codes
    assert entry.remedy.endswith(".")
    assert 40 < len(entry.remedy) < 300
    assert (entry.wait_seconds is not None) == (entry.kind is Kind.WAIT)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("RequestLimitExceeded", 503, Kind.THROTTLED),
        ("RequestLimitExceeded", 400, Kind.THROTTLED),
        ("InternalError", 500, Kind.AMBIGUOUS),
        ("SnapshotCreationPerVolumeRateExceeded", 400, Kind.AMBIGUOUS),
        ("OperationNotPermitted", 400, Kind.REFUSED),
        ("OperationNotPermitted", 500, Kind.AMBIGUOUS),
        ("SomethingNew", 502, Kind.AMBIGUOUS),
        ("SomethingNew", 400, Kind.REFUSED),
        ("ConcurrentSnapshotLimitExceeded", 400, Kind.WAIT),
        ("SnapshotLimitExceeded", 400, Kind.REGION_FULL),
        ("InvalidVolume.NotFound", 400, Kind.GONE),
        ("AuthFailure", 401, Kind.DENIED),
        ("UnauthorizedOperation", 403, Kind.DENIED),
    ],
)
def test_kind_follows_from_code_and_status(code: str, status: int, kind: Kind) -> None:
    assert kind_of(code, status) is kind


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("UnauthorizedOperation", "Allow the operation there"),
        ("AuthFailure", "it is not enabled for the account"),
        ("InvalidClientTokenId", "it is not enabled for the account"),
        ("UnrecognizedClientException", "it is not enabled for the account"),
        ("ExpiredToken", "Run it again"),
        ("", "out of time"),
        ("Sandbox.Timedout", "raise timeout or memory_size"),
        ("StoreError", "the bucket's policy"),
        ("Odd", "Error codes for the Amazon EC2 API"),
    ],
)
def test_remedy_fits_the_cause(code: str, words: str) -> None:
    assert words in meaning(code).remedy


def test_every_denial_asks_somebody_to_allow_enable_or_renew() -> None:
    denials = {code: entry.remedy for code, entry in CODES.items() if entry.kind is Kind.DENIED}

    assert {code for code, text in denials.items() if "The next run tries again" in text} == set()


def test_error_reads_as_operation_code_and_words() -> None:
    error = Ec2Error("CreateSnapshot", "IncorrectState", "Volume is creating", Kind.WAIT)

    assert str(error) == "CreateSnapshot: IncorrectState: Volume is creating"
    assert error.problem == Problem("CreateSnapshot", "IncorrectState", "Volume is creating")
