import json

import pytest

from ebs_backup.model.deployment import Deployment, DeploymentError, parse_deployment
from ebs_backup.model.retention import Retention


def test_deployment_with_only_a_name_takes_the_defaults() -> None:
    assert parse_deployment('{"name": "nightly"}') == Deployment(name="nightly")


def test_deployment_is_read_with_its_types() -> None:
    given = {
        "name": "nightly",
        "regions": ["eu-west-1"],
        "exclude_tags": {"Tier": "scratch*"},
        "dry_run": True,
        "retention": {"daily": 7},
        "orphan_retention_days": None,
        "recovery_point_objective_hours": 12,
        "request_rates": {"CreateSnapshot": 20},
    }

    assert parse_deployment(json.dumps(given)) == Deployment(
        name="nightly",
        regions=("eu-west-1",),
        exclude_tags={"Tier": "scratch*"},
        dry_run=True,
        retention=Retention(daily=7),
        recovery_point_objective_hours=12.0,
        request_rates={"CreateSnapshot": 20.0},
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], r"deployment must be an object; got: \[\]"),
        ({"inclde_tags": {}}, "deployment keys must be among name, .*; got: inclde_tags"),
        ({}, "deployment must have a value for: name"),
        ({"name": ""}, "deployment.name must be a name; got: ''"),
        ({"regions": "eu-west-1"}, "deployment.regions must be a list of strings; got: 'eu-west-1'"),
        ({"retention": {"dayly": 7}}, "deployment.retention keys must be among last, .*; got: dayly"),
        ({"retention": {"daily": 0}}, "deployment.retention must be empty to delete nothing, or keep something; got: "),
        ({"deletion_delay_days": 0}, "deployment.deletion_delay_days must be 1 or more; got: 0"),
        ({"orphan_retention_days": 1.5}, "deployment.orphan_retention_days must be a whole number; got: 1.5"),
        ({"recovery_point_objective_hours": 0}, "deployment.recovery_point_objective_hours must be above 0; got: 0"),
        ({"max_rounds": 0}, "deployment.max_rounds must be 1 or more; got: 0"),
        ({"request_rates": {"CreateSnapsot": 5}}, "deployment.request_rates keys must be among Cre.*; got: 'CreateSna"),
        ({"request_rates": {"CreateSnapshot": 0}}, "deployment.request_rates.CreateSnapshot must be above 0; got: 0"),
        ({"request_bursts": {"CreateTags": 0.5}}, "deployment.request_bursts.CreateTags must be 1 or more; got: 0.5"),
    ],
)
def test_anything_else_is_refused_by_key_rule_and_value(given: object, message: str) -> None:
    text = json.dumps({"name": "n", **given} if isinstance(given, dict) and given else given)

    with pytest.raises(DeploymentError, match=f"^{message}"):
        parse_deployment(text)


def test_text_that_is_not_json_is_refused() -> None:
    with pytest.raises(DeploymentError, match=r"^the deployment must be JSON: "):
        parse_deployment("{")
