"""Terms are read back as they are written, and compared by what they keep."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebs_backup.model.retention import Retention
from ebs_backup.model.terms import Terms, keeps_all_of, parse_terms, terms_of

RULES = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
retentions = st.builds(Retention, **dict.fromkeys(RULES, st.integers(0, 4)))
all_terms = st.builds(
    terms_of, retentions, st.none() | st.integers(1, 9), st.sampled_from(["", "rate(1 day)", "cron(0 3 * * ? *)"])
)
DOCUMENTED = terms_of(Retention(daily=7, weekly=4, monthly=12, yearly=3), 90, "cron(0 3 * * ? *)")


@given(all_terms)
def test_terms_are_read_back_as_they_are_written(terms: Terms) -> None:
    assert parse_terms(terms.words) == terms


def test_terms_can_be_read_by_people() -> None:
    assert DOCUMENTED.words == "keep 7 daily, 4 weekly, 12 monthly, 3 yearly; orphans 90 days; schedule 8ddc5c2a"
    assert terms_of(Retention(), None, "rate(1 day)").words == "keep every snapshot"


@pytest.mark.parametrize("rule", RULES)
def test_schedule_is_a_term_of_every_rule(rule: str) -> None:
    hourly, faster = (terms_of(Retention(**{rule: 21}), None, f"rate({n} minutes)") for n in (60, 2))

    assert parse_terms(hourly.words) == hourly
    assert not keeps_all_of(faster, hourly)
    assert hourly.code != faster.code


@pytest.mark.parametrize("words", ["", "keep", "keep 7 dayly", "keep 7 daily, ", "keep 7 daily; orphans x days"])
def test_other_words_state_no_terms(words: str) -> None:
    assert parse_terms(words) is None


@given(all_terms, all_terms, all_terms)
def test_keeping_all_of_others_is_an_order(a: Terms, b: Terms, c: Terms) -> None:
    assert keeps_all_of(a, a)
    assert not (keeps_all_of(a, b) and keeps_all_of(b, c)) or keeps_all_of(a, c)


@given(all_terms, st.sampled_from(RULES))
def test_larger_number_never_keeps_less(terms: Terms, rule: str) -> None:
    counts = terms.retention.counts
    raised = Retention(**{**counts, rule: counts.get(rule, 0) + 1})

    assert keeps_all_of(replace(terms, retention=raised), terms) or not counts


@given(all_terms, st.sampled_from(RULES))
def test_smaller_number_keeps_less(terms: Terms, rule: str) -> None:
    counts = dict(terms.retention.counts)
    if not counts.get(rule) or len(counts) == 1:
        return
    lowered = Retention(**(counts | {rule: counts[rule] - 1}))

    assert not keeps_all_of(replace(terms, retention=lowered), terms)
