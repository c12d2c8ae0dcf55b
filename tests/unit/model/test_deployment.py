import dataclasses
import json

import pytest

from ebs_backup.model.deployment import Deployment, DeploymentError, parse_deployment
from ebs_backup.model.retention import Retention


def test_a_policy_with_only_a_name_takes_the_modules_defaults() -> None:
    assert parse_deployment('{"name": "nightly"}') == Deployment(name="nightly")


def test_every_field_is_read() -> None:
    given = {
        "name": "nightly",
        "tag_prefix": "b:",
        "regions": ["eu-west-1"],
        "exclude_regions": ["us-east-1"],
        "expected_denied_regions": ["us-west-1"],
        "include_tags": {"Backup": "yes"},
        "exclude_tags": {"Tier": "scratch*"},
        "multi_volume_snapshots": False,
        "copy_volume_tags": False,
        "snapshot_tags": {"CostCenter": "42"},
        "dry_run": True,
        "retention": {"daily": 7},
        "max_deletions_per_run": 10,
        "max_deletions_percent": 5,
        "orphan_retention_days": 30,
        "recovery_point_objective_hours": 12.5,
        "report_bucket": "b",
        "report_prefix": "p/",
        "rounds_prefix": "r/",
        "request_rates": {"CreateSnapshot": 20},
        "request_bursts": {"CreateTags": 200},
    }

    deployment = parse_deployment(json.dumps(given))

    read = {key: list(v) if isinstance(v := getattr(deployment, key), tuple) else v for key in given}
    assert read == given | {"retention": Retention(daily=7)}
    assert given.keys() == {field.name for field in dataclasses.fields(Deployment)}


def test_a_vanished_volumes_snapshots_stay_for_ever_unless_a_number_of_days_is_given() -> None:
    assert parse_deployment('{"name": "nightly", "orphan_retention_days": null}').orphan_retention_days is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the deployment must be JSON"),
        ("[]", r"the deployment must be a JSON object; got: \[\]"),
        ('{"name": "n", "inclde_tags": {}}', "deployment keys must be among name, .*; got: inclde_tags"),
        ("{}", "the deployment must have a value for: name"),
        ('{"name": ""}', "the deployment must have a value for: name"),
        ('{"name": "n", "dry_run": "false"}', "deployment key dry_run must be true or false; got: 'false'"),
        ('{"name": 7}', "deployment key name must be a string; got: 7"),
        ('{"name": "n", "regions": "eu-west-1"}', "deployment key regions must be a list of strings; got: 'eu-west-1'"),
        ('{"name": "n", "regions": [1]}', r"deployment key regions must be a list of strings; got: \[1\]"),
        ('{"name": "n", "include_tags": ["a"]}', "deployment key include_tags must be an object of strings"),
        (
            '{"name": "n", "retention": {"dayly": 7}}',
            "deployment key retention: .* must be among .*; got: dayly",
        ),
        (
            '{"name": "n", "max_deletions_per_run": 0}',
            "max_deletions_per_run must be a whole number, .*; got: 0",
        ),
        ('{"name": "n", "max_deletions_percent": null}', "max_deletions_percent must be a whole number, .*; got: None"),
        ('{"name": "n", "orphan_retention_days": 1.5}', "orphan_retention_days must be a whole number, .*; got: 1.5"),
        ('{"name": "n", "recovery_point_objective_hours": 0}', "must be a number above 0; got: 0"),
        ('{"name": "n", "request_rates": 5}', "deployment key request_rates must be an object of numbers; got: 5"),
        (
            '{"name": "n", "request_rates": {"CreateSnapsot": 5}}',
            "keys of deployment key request_rates must be among CreateSnapshot, .*; got: CreateSnapsot",
        ),
        (
            '{"name": "n", "request_rates": {"CreateSnapshot": 0}}',
            "request_rates: CreateSnapshot must be a number above 0; got: 0",
        ),
        (
            '{"name": "n", "request_bursts": {"CreateTags": 0.5}}',
            "request_bursts must hold numbers of 1 or more.*; got: {'CreateTags': 0.5}",
        ),
        ('{"name": "n", "snapshot_tags": {"a": 1}}', "deployment key snapshot_tags must be an object of strings"),
    ],
)
def test_what_is_not_exactly_a_policy_is_refused_by_key_rule_and_value(text: str, message: str) -> None:
    with pytest.raises(DeploymentError, match=message):
        parse_deployment(text)
