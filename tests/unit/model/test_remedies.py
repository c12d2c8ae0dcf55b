import pytest

from ebs_backup.model.codes import _KIND_OF
from ebs_backup.model.remedies import is_known, remedy


@pytest.mark.parametrize("error_code", _KIND_OF)
def test_every_error_that_the_engine_knows_has_a_remedy_of_its_own(error_code: str) -> None:
    assert is_known(error_code)


@pytest.mark.parametrize("error_code", ["InvalidSnapshot.InUse", "CustomerKeyHasBeenRevoked", "ReadTimeoutError", ""])
def test_so_have_refusals_lost_answers_and_the_end_of_time(error_code: str) -> None:
    assert is_known(error_code)


@pytest.mark.parametrize("error_code", ["Sandbox.Timedout", "States.Timeout", "Runtime.ExitError", "StoreError"])
def test_so_has_whatever_ends_the_visits_of_a_region(error_code: str) -> None:
    assert is_known(error_code)


def test_of_any_other_it_is_said_where_to_read_on() -> None:
    assert not is_known("Odd")
    assert "Error codes for the Amazon EC2 API" in remedy("Odd")


def test_a_remedy_is_a_sentence_or_a_few() -> None:
    assert all(remedy(error_code).endswith(".") and 40 < len(remedy(error_code)) < 300 for error_code in _KIND_OF)
