"""The module refuses a wrong value with one message, which names the rule and the value.

`terraform test` says which variable refused a value, but not by which rule and in which words. Here one plan of a
module that is only `variables.tf` gets every value, right or wrong.
"""

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aws_cron_expression_validator.validator import (  # type: ignore[import-untyped]
    AWSCronExpressionError,
    AWSCronExpressionValidator,
)

from tests.terraform.calls import ROOT, lay_out
from tools.inputs_outputs import declarations

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("messages")]

# Rules of these variables read other variables. Terraform skips a rule that reads a refused variable.
DEPENDENT = (
    "exclude_regions",
    "exclude_tags",
    "snapshot_tags",
    "orphan_retention_days",
    "recovery_point_objective_hours",
    "alarm_actions",
)
# Its rule reads one of these.
LAST = ("confirmed_retention",)

CRON = "schedule_expression"
METERED = ("CreateSnapshot", "CreateSnapshots", "CreateTags", "DeleteSnapshot")
RULES = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
MAX_KEY, MAX_VALUE = "k" * 128, "v" * 256
KEY_ARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@dataclass(frozen=True, slots=True)
class Case:
    """A value for a variable, the values of other variables, and the words that a refusal must contain."""

    variable: str
    value: Any
    others: dict[str, Any]
    rule: str = ""
    got: str = ""

    def __str__(self) -> str:
        return f"{self.variable}={self.value}"[:80]


def accepted(variable: str, *values: Any, **others: Any) -> list[Case]:
    return [Case(variable, value, others) for value in values]


def refused(variable: str, rule: str, *values: Any, got: str | None = None, **others: Any) -> list[Case]:
    return [Case(variable, value, others, rule, shown(value) if got is None else got) for value in values]


def shown(value: Any) -> str:
    """Return the end of a message that shows the whole value."""
    if isinstance(value, list):
        return f": {', '.join(sorted(value))}"
    return f": {json.dumps(value, separators=(',', ':'))}" if isinstance(value, dict) else f": {value}"


def tags(count: int) -> dict[str, str]:
    return {f"key{number:02}": "value" for number in range(count)}


def topics(count: int) -> list[str]:
    return [f"arn:aws:sns:eu-west-1:111122223333:topic{number}" for number in range(count)]


def with_field(place: int, *texts: str) -> list[str]:
    """Return the daily schedule with each text in turn in its field at place, counted from 0."""
    fields = ["0", "3", "?" if place == 4 else "*", "*", "*" if place == 4 else "?", "*"]
    return [f"cron({' '.join([*fields[:place], text, *fields[place + 1 :]])})" for text in texts]


ACCEPTED = [
    *accepted("name", "a", "ebs-backup", "b2-", "a" * 36, "xn-", "aws"),
    *accepted(
        "regions",
        [],
        ["eu-west-1"],
        ["us-gov-west-1", "cn-north-1", "us-isob-east-1", "eusc-de-east-1", "ap-southeast-7"],
    ),
    *accepted("exclude_regions", ["us-east-1"], regions=["eu-west-1"]),
    *accepted("expected_denied_regions", ["us-east-1"], regions=["us-east-1"]),
    *accepted(
        "include_tags",
        {},
        {"Environment": "prod*"},
        {MAX_KEY: MAX_VALUE},
        {"aws:autoscaling:groupName": "*"},
        {"k": ""},
    ),
    *accepted("exclude_tags", {"Environment": "prod-old"}, {MAX_KEY: MAX_VALUE}, include_tags={"Environment": "prod*"}),
    *accepted(
        "snapshot_tags",
        tags(38),
        {MAX_KEY: MAX_VALUE},
        {"name": "lower case"},
        {"awsome": "x"},
        {"Größe 𝄞": ""},
        {"𝄞" * 128: "x"},
    ),
    *accepted("tag_prefix", "e", "ebs-backup:", "Acme/Backup@1.2_3+4=5-", "p" * 112, "aws", "awsome:"),
    *accepted("bucket", None, "abc", "a.b-c", "0" * 63),
    *accepted("engine", "lambda", "step_functions"),
    *accepted("request_rates", {}, {"CreateSnapshot": 0.5}, dict.fromkeys(METERED, 100)),
    *accepted("request_bursts", {}, {"CreateTags": 1}, dict.fromkeys(METERED, 1.5)),
    *accepted("memory_size", 128, 10240),
    *accepted("timeout", 60, 900),
    *accepted("architecture", "arm64", "x86_64"),
    *accepted("reserved_concurrent_executions", -1, 1, 1000),
    *accepted(
        "kms_key_arn", None, KEY_ARN, KEY_ARN.replace("arn:aws", "arn:aws-cn").replace("/1234abcd", "/mrk-1234abcd")
    ),
    *accepted(
        "permissions_boundary",
        None,
        "arn:aws-us-gov:iam::111122223333:policy/team/boundary",
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
    ),
    *accepted("role_path", "/", "/automation/", "/a/b/", f"/{'p' * 510}/"),
    *accepted("tags", {}, tags(50), {MAX_KEY: MAX_VALUE}, {"Kosten Stelle_.:/=+-@": "Größe"}),
    *accepted("retention", {}, {"last": 1}, {"daily": 7, "weekly": 0}, dict.fromkeys(RULES, 10_000)),
    *accepted("confirmed_retention", None, "2e040f71", retention={"daily": 7}),
    *accepted("confirmed_retention", "560b8282"),
    *accepted("deletion_delay_days", 1, 3, 365),
    *accepted("orphan_retention_days", None, retention={}),
    *accepted("orphan_retention_days", None, 1, 90, 36500, retention={"daily": 7}),
    *accepted("log_retention_in_days", 0, 1, 90, 3653),
    *accepted("log_level", "DEBUG", "INFO"),
    *accepted("report_retention_days", None, 1, 400, 36500),
    *accepted("recovery_point_objective_hours", 0.1, 24, 26, 168, 8760),
    *accepted("recovery_point_objective_hours", 24.1, schedule_expression="rate(1 day)"),
    *accepted("recovery_point_objective_hours", 12.5, 13, schedule_expression="rate(12 hours)"),
    *accepted("recovery_point_objective_hours", 0.3, schedule_expression="rate(15 minutes)"),
    *accepted("notification_emails", [], ["a@b.c"], ["backup+ebs@mail.example.com", "Größe@example.com"]),
    *accepted("alarm_actions", [], topics(5), [KEY_ARN.replace("kms", "lambda"), "arn:aws-us-gov:s3:::b"]),
    *accepted("alarm_actions", topics(4), notification_emails=["a@b.c"]),
    *accepted(CRON, *(f"rate(1 {unit})" for unit in ("minute", "hour", "day"))),
    *accepted(CRON, *(f"rate({n} {unit})" for n, unit in [(2, "minutes"), (12, "hours"), (10, "days"), (365, "days")])),
    *accepted(CRON, *with_field(0, "0", "05", "59", "*", "0/15", "*/20", "0-30", "0-30/5", "0,15,30-45")),
    *accepted(CRON, *with_field(1, "0", "03", "23", "*", "8-18/2", "1,13", "*/23")),
    *accepted(CRON, *with_field(2, "1", "01", "31", "*", "1-7", "1,15", "1/7", "L", "3W", "31W")),
    *accepted(
        CRON, *with_field(3, "1", "12", "*", "JAN", "DEC", "JAN,APR,JUL,OCT", "MAY-SEP", "1/3", "*/2", "3,JUN-8")
    ),
    *accepted(CRON, *with_field(4, "1", "7", "*", "SUN", "MON-FRI", "2-6", "TUE,5", "L", "6L", "FRIL", "3#2", "MON#5")),
    *accepted(CRON, *with_field(5, "1970", "2199", "*", "2026-2030", "2026,2028", "2026/2")),
]

FORM = "must be cron(...) or rate(...), with one space between its parts (an EventBridge rule does not take at(...))"
RATE = (
    "rate(1 minute), rate(1 hour) or rate(1 day), or rate(N minutes), rate(N hours) or rate(N days) with an N above 1"
)
SIX = "must have six fields, cron(minutes hours day-of-month month day-of-week year)"
ONE_DAY = "must have ? in exactly one of the fields day-of-month (the third) and day-of-week (the fifth)"
REGION = "must hold names of regions, such as eu-west-1"
MAIL = "must hold mail addresses, such as backup@example.com"
LENGTHS = "must have keys of 1 to 128 and values of at most 256 characters"

REFUSED = [
    *refused(
        "name",
        "1 to 36 lower-case letters, digits and hyphens, the first one a letter",
        "",
        "Backup",
        "1st",
        "-a",
        "a_b",
        "ä",
        "a b",
        "a" * 37,
    ),
    *refused("name", "must not begin with xn--, sthree- or amzn-s3-demo-", "xn--a", "sthree-a", "amzn-s3-demo-a"),
    *refused("regions", REGION, ["eu-west-1a"]),
    *refused("regions", REGION, ["eu-west-1", "Ireland"]),
    *refused("regions", REGION, ["us-west-2-lax-1"]),
    *refused("regions", REGION, ["EU-WEST-1"]),
    *refused("regions", REGION, ["*"]),
    *refused("exclude_regions", REGION, ["eu-west"]),
    *refused(
        "exclude_regions",
        "must not hold a region that regions asks for",
        ["us-east-1", "eu-west-1"],
        got=" in both: us-east-1",
        regions=["us-east-1", "us-east-2"],
    ),
    *refused("expected_denied_regions", REGION, ["eu_west_1"]),
    *refused("include_tags", LENGTHS, {"": "x"}),
    *refused("include_tags", LENGTHS, {"k" * 129: "x"}),
    *refused("include_tags", LENGTHS, {"k": "v" * 257}),
    *refused("exclude_tags", LENGTHS, {"": "x"}),
    *refused("exclude_tags", LENGTHS, {"k": "v" * 257}),
    *refused(
        "exclude_tags",
        "must not hold a tag that include_tags asks for",
        {"a": "b", "c": "d"},
        got=' in both: {"a":"b"}',
        include_tags={"a": "b"},
    ),
    *refused(
        "snapshot_tags", "at most 38 tags, because EC2 takes 50 and this module sets twelve", tags(39), got=": 39"
    ),
    *refused("snapshot_tags", LENGTHS, {"k" * 129: "x"}),
    *refused("snapshot_tags", LENGTHS, {"k": "v" * 257}),
    *refused("snapshot_tags", "must not have keys that begin with aws:", {"aws:x": "y"}),
    *refused("snapshot_tags", "must not have keys that begin with aws:", {"AWS:x": "y"}),
    *refused(
        "snapshot_tags",
        "must not have the key Name or keys that begin with tag_prefix (ebs-backup:)",
        {"Name": "y"},
    ),
    *refused("snapshot_tags", "begin with tag_prefix (ebs-backup:)", {"ebs-backup:Policy": "y"}),
    *refused("snapshot_tags", "begin with tag_prefix (ebs-backup:)", {"EBS-Backup:policy": "y"}),
    *refused("snapshot_tags", "begin with tag_prefix (x/)", {"x/y": "z"}, tag_prefix="x/"),
    *refused(
        "tag_prefix", "letters a-z and A-Z, digits and + - = . _ : / @", "", "a b:", "ä:", "a*", "a$", "a,b", "a#"
    ),
    *refused("tag_prefix", "at most 112 characters, because a tag key has at most 128", "p" * 113),
    *refused("tag_prefix", "must not begin with aws:", "aws:", "aws:backup:", "AWS:x", "Aws:"),
    *refused(
        "bucket",
        "3 to 63 lower-case letters, digits, dots and hyphens",
        "ab",
        "a" * 64,
        "Bucket",
        "a_b",
        "-abc",
        "abc-",
        "arn:aws:s3:::abc",
    ),
    *refused("engine", "lambda or step_functions", "", "Lambda", "stepfunctions"),
    *refused(
        "request_rates", f"keys must be among {', '.join(METERED)}", {"DeleteSnapshots": 5}, got=": DeleteSnapshots"
    ),
    *refused("request_rates", "numbers above 0", {"CreateSnapshot": 0}),
    *refused("request_rates", "numbers above 0", {"CreateSnapshot": 5, "CreateTags": -1}),
    *refused("request_rates", "numbers above 0", {"CreateTags": None}),
    *refused("request_bursts", f"keys must be among {', '.join(METERED)}", {"createTags": 5}, got=": createTags"),
    *refused("request_bursts", "numbers from 1", {"CreateSnapshot": 0.9}),
    *refused("request_bursts", "numbers from 1", {"CreateSnapshot": None}),
    *refused("memory_size", "whole number of MB from 128 to 10240", 0, 127, 10241, 512.5),
    *refused("timeout", "whole number of seconds from 60 to 900", 0, 59, 901, 60.5),
    *refused("architecture", "arm64 or x86_64", "x86", "ARM64", ""),
    *refused("reserved_concurrent_executions", "-1 or a whole number from 1", -2, 0, 1.5),
    *refused(
        "kms_key_arn",
        "ARN of a key, not of an alias",
        "",
        "alias/backup",
        KEY_ARN.replace("key/", "alias/"),
        KEY_ARN[-36:],
    ),
    *refused("permissions_boundary", "ARN of an IAM policy", "", "boundary", "arn:aws:iam::111122223333:role/boundary"),
    *refused(
        "role_path",
        "must be / or begin and end with /",
        "",
        "automation",
        "/automation",
        "automation/",
        "/a b/",
        f"/{'p' * 511}/",
    ),
    *refused("tags", "at most 50 tags", tags(51), got=": 51"),
    *refused("tags", LENGTHS, {"": "x"}),
    *refused("tags", LENGTHS, {"k": "v" * 257}),
    *refused("tags", "letters, digits, spaces and _ . : / = + - @", {"a#b": "x"}),
    *refused("tags", "letters, digits, spaces and _ . : / = + - @", {"a": "x*"}),
    *refused("tags", "must not have keys that begin with aws:", {"AWS:x": "y"}),
    *refused("retention", f"keys must be among {', '.join(RULES)}", {"dayly": 7}, got=": dayly"),
    *refused("retention", "keys must be among", {"yearly": 1, "dayly": 7, "Weekly": 4, "": 1}, got=": , Weekly, dayly"),
    *refused("retention", "must count in whole numbers from 0 to 10000", {"daily": -1}),
    *refused("retention", "must count in whole numbers from 0 to 10000", {"weekly": 1.5}),
    *refused("retention", "must count in whole numbers from 0 to 10000", {"last": 10_001}),
    *refused("retention", "must count in whole numbers from 0 to 10000", {"hourly": 10**6}),
    *refused("retention", "must count in whole numbers from 0 to 10000", {"daily": 7, "last": None}),
    *refused("retention", "must keep at least one snapshot (an empty retention keeps all)", {"daily": 0}),
    *refused(
        "retention", "must keep at least one snapshot (an empty retention keeps all)", dict.fromkeys(sorted(RULES), 0)
    ),
    *refused(
        "confirmed_retention",
        'null, or 2e040f71, the code of "keep 7 daily; schedule 8ddc5c2a"',
        *("", "0123456", "01234567", "2E040F71", " 2e040f71"),
        retention={"daily": 7},
    ),
    *refused("deletion_delay_days", "whole number of days from 1 to 365", 0, -1, 1.5, 366),
    *refused("orphan_retention_days", "whole number of days from 1", 0, -1, 1.5, retention={"daily": 7}),
    *refused("orphan_retention_days", "null while retention is empty, because then nothing is deleted", 30),
    *refused("log_retention_in_days", "must be one of 0, 1, 3, 5, 7", -1, 2, 89, 3654),
    *refused("log_level", "DEBUG or INFO, because CloudWatch takes the metrics", "debug", "WARN", "ERROR", "TRACE", ""),
    *refused("report_retention_days", "whole number of days from 1, or null", 0, -1, 1.5),
    *refused("recovery_point_objective_hours", "number of hours above 0", 0, -1),
    *refused(
        "recovery_point_objective_hours",
        "longer than the time between two runs, which is rate(1 day)",
        23.9,
        24,
        schedule_expression="rate(1 day)",
    ),
    *refused("recovery_point_objective_hours", "which is rate(7 days)", 26.1, schedule_expression="rate(7 days)"),
    *refused(
        "recovery_point_objective_hours", "which is rate(90 minutes)", 1.4, schedule_expression="rate(90 minutes)"
    ),
    *refused("notification_emails", MAIL, ["backup"]),
    *refused("notification_emails", MAIL, ["a@b.c", "d@e"]),
    *refused("notification_emails", MAIL, ["a b@c.d"]),
    *refused("notification_emails", MAIL, ["a@b@c.d"]),
    *refused("notification_emails", MAIL, ["mailto:"]),
    *refused("alarm_actions", "must hold ARNs, such as arn:aws:sns:", ["on-call"]),
    *refused("alarm_actions", "must hold ARNs, such as arn:aws:sns:", [*topics(2), "arn:aws:sns"]),
    *refused("alarm_actions", "at most 5, or 4 if notification_emails has any", topics(6), got=": 6"),
    *refused(
        "alarm_actions",
        "at most 5, or 4 if notification_emails has any",
        topics(5),
        got=": 5",
        notification_emails=["a@b.c"],
    ),
    *refused(
        CRON,
        FORM,
        "",
        "banana",
        "at(2026-11-23T03:00:00)",
        "0 3 * * ? *",
        "cron()",
        "rate()",
        "cron(0 3 * * ? *",
        "Cron(0 3 * * ? *)",
    ),
    *refused(
        CRON,
        FORM,
        "cron(0  3 * * ? *)",
        "cron( 0 3 * * ? *)",
        "cron(0 3 * * ? * )",
        " cron(0 3 * * ? *)",
        "rate( 1 day)",
        "rate (1 day)",
    ),
    *refused(
        CRON,
        RATE,
        "rate(1 days)",
        "rate(5 hour)",
        "rate(2 minute)",
        "rate(0 days)",
        "rate(-1 days)",
        "rate(1.5 hours)",
        "rate(02 days)",
    ),
    *refused(CRON, RATE, "rate(1 week)", "rate(2 weeks)", "rate(day)", "rate(1 day 2 hours)", "rate(1 Day)"),
    *refused(CRON, SIX, "cron(0 3 * * ?)", "cron(0 3 * * *)", "cron(0 0 3 * * ? *)", "cron(0)"),
    *refused(
        CRON,
        ONE_DAY,
        "cron(0 3 * * * *)",
        "cron(0 3 ? * ? *)",
        "cron(0 3 1 * MON *)",
        "cron(0 3 * * MON *)",
        "cron(0 3 1 * * *)",
    ),
    *refused(
        CRON,
        "minutes takes 0-59 with , - * /, not ",
        *with_field(0, "60", "99", "-1", "?", "L", "5W", "MON", "1-", ",1", "1,,2", "0/0", "/5", "0/60", "1.5"),
    ),
    *refused(
        CRON, "hours takes 0-23 with , - * /, not ", *with_field(1, "24", "99", "3-24", "*/0", "*/24", "3am", "?")
    ),
    *refused(
        CRON,
        "day-of-month takes 1-31 with , - * /",
        *with_field(2, "0", "32", "1-32", "W", "LW", "32W", "1,L", "1W,2", "1#2", "MON", "?,1"),
    ),
    *refused(
        CRON,
        "month takes 1-12 or JAN-DEC with , - * /",
        *with_field(3, "0", "13", "jan", "JANUARY", "JAN-13", "?", "L", "*/13"),
    ),
    *refused(
        CRON,
        "day-of-week takes 1-7 or SUN-SAT with , - *",
        *with_field(4, "0", "8", "mon", "MONDAY", "MON/2", "*/2", "3#0", "3#6", "3#1,6#3", "#2", "3W", "1,L"),
    ),
    *refused(CRON, "year takes 1970-2199 with , - * /", *with_field(5, "1969", "2200", "26", "?", "2026-2200", "L")),
    *refused(
        CRON, "minutes takes 0-59 with , - * /, not 99; hours takes 0-23 with , - * /, not 99", "cron(99 99 * * ? *)"
    ),
]


def plan(directory: Path, cases: Iterable[Case]) -> Iterator[str]:
    """Yield the message of every refusal."""
    lay_out(directory, [{case.variable: case.value, **case.others} for case in cases])
    result = subprocess.run(["terraform", "plan", "-json"], cwd=directory, check=False, capture_output=True)
    for diagnostic in filter(None, (json.loads(line).get("diagnostic") for line in result.stdout.splitlines())):
        message, checked, _ = diagnostic["detail"].partition("\n\nThis was checked by the validation rule")
        assert checked, diagnostic
        yield message


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    directory = tmp_path_factory.mktemp("messages")
    cases = [*ACCEPTED, *REFUSED]
    return [
        *plan(directory / "free", (case for case in cases if case.variable not in (*DEPENDENT, *LAST))),
        *plan(directory / "dependent", (case for case in cases if case.variable in DEPENDENT)),
        *plan(directory / "last", (case for case in cases if case.variable in LAST)),
    ]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_wrong_value_gets_one_message(case: Case, messages: list[str]) -> None:
    answers = [m for m in messages if m.startswith(f"{case.variable} ") and m.endswith(f"got{case.got}.")]
    assert len(answers) == 1
    assert case.rule in answers[0]


def test_right_value_gets_no_message(messages: list[str]) -> None:
    assert len(messages) == len(REFUSED)


def test_message_has_short_sentences() -> None:
    declared = (ROOT / "variables.tf").read_text("utf-8")
    texts = re.findall(r'error_message = "(.*?); got', declared)
    assert {text for text in texts if len(re.sub(r"\$\{.*?\}", "x", text).split()) > 30} == set()


@pytest.mark.parametrize("name", ["variables.tf", "outputs.tf"])
def test_description_has_fewer_than_25_words(name: str) -> None:
    declared = declarations((ROOT / name).read_text("utf-8"))
    assert {d.name for d in declared if len(d.description.split()) >= 25} == set()


# --- a second opinion on schedules ---

# The validator accepts these expressions and the module refuses them. AWS documents none of them, so the module is
# right to be strict: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html
UNDOCUMENTED = {
    "cron(0/60 3 * * ? *)": "the values of minutes end at 59",
    "cron(0 */24 * * ? *)": "the values of hours end at 23",
    "cron(0 3 * */13 ? *)": "the values of month end at 12",
    "cron(0 3 LW * ? *)": "W comes after a number, as in 3W",
    "cron(0 3 * jan ? *)": "names of months are in capitals",
    "cron(0 3 ? * mon *)": "names of days are in capitals",
}


def _is_valid(expression: str) -> bool:
    try:
        AWSCronExpressionValidator.validate(expression.removeprefix("cron(").removesuffix(")"))
    except AWSCronExpressionError:
        return False
    return True


def test_validator_agrees_on_documented_schedules() -> None:
    accepts = {case.value for case in ACCEPTED if case.variable == CRON}
    schedules = {case.value for case in [*ACCEPTED, *REFUSED] if case.variable == CRON and case.value.endswith(")")}
    crons = {schedule for schedule in schedules if schedule.startswith("cron(")}
    assert {cron for cron in crons if _is_valid(cron) != (cron in accepts)} == UNDOCUMENTED.keys()
