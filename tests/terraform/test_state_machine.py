"""The state machine: its definition is valid, and every failure of the function ends its execution as it should.

A substitute for the function does as its payload says. tests/e2e runs the real function.
"""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox import Sandbox
from tests.sandbox import deployments
from tests.terraform.states import faults

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("every_policy")]

Definition = dict[str, Any]

LOG_GROUP = "/aws/lambda/ebs-backup"
# A region's name decides the result of its visits; the run's id decides the result of the first and the last step.
FUNCTION = """
    import os
    import sys

    class RequestError(Exception):
        pass

    class RunFailed(Exception):
        pass

    def lambda_handler(event, context):
        print(event)
        return globals()[event["step"]](event)

    def begin(event):
        asked = event["event"]
        if not isinstance(asked, dict) or "regions" not in asked:
            raise RequestError("no regions")
        run = {"run_id": asked.get("run_id", event["execution"]), "regions": len(asked["regions"])}
        return {"run": run, "regions": asked["regions"]}

    def visit(event):
        if event["region"] == "raises":
            raise ValueError("no visit")
        if event["region"] == "exits":
            sys.exit(3)
        if event["region"] == "recovers" and event["retries"] < 2:
            raise ValueError("not yet")
        again = event["region"] == "large" and event["round"] < 3
        return {"again": again, "wait_seconds": 20 * again, "round": event["round"] + 1, "stalled": 0}

    def finish(event):
        if event["run"]["run_id"] == "fails":
            raise RunFailed("something is missing\\n- eu-west-1: a volume")
        return {"report": "key", "status": "completed", "totals": {}, "visits": event["visits"]}
"""


@pytest.fixture(scope="module")
def definitions(planned: dict[str, list[Any]]) -> list[Definition]:
    return [json.loads(machine["definition"]) for machine in planned["aws_sfn_state_machine"]]


# --- the definition ---


def test_definition_is_valid(definitions: list[Definition]) -> None:
    assert {fault for definition in definitions for fault in faults(definition)} == set()


def test_execution_has_one_end_in_success_and_one_in_failure(definitions: list[Definition]) -> None:
    for definition in definitions:
        ends = {name for name, state in definition["States"].items() if state.get("End") or state["Type"] == "Fail"}
        assert ends == {"Finish", "Failed"}


def _visit(definition: Definition) -> Definition:
    visit: Definition = definition["States"]["Regions"]["ItemProcessor"]["States"]["Visit"]
    return visit


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda d: d["States"].update(Spare={"Type": "Pass", "End": True}), "No transition found to state"),
        (lambda d: _visit(d).pop("Catch"), "Visit: must catch every error"),
        (lambda d: _visit(d).pop("Retry"), "Visit: must retry the errors of Lambda itself"),
        (lambda d: _visit(d).pop("TimeoutSeconds"), "Visit: must have a timeout"),
        (lambda d: _visit(d)["Retry"].reverse(), "Visit: Retry must have States.ALL alone and last"),
        (lambda d: d["States"]["Report failure"].pop("Retry"), "Report failure: must retry"),
        (lambda d: d["States"]["Read cause"].pop("Default"), "Read cause: fails if no choice matches"),
    ],
)
def test_fault_in_a_definition_is_found(
    definitions: list[Definition], spoil: Callable[[Definition], object], fault: str
) -> None:
    spoiled = copy.deepcopy(definitions[0])
    spoil(spoiled)
    assert any(found.startswith(fault) for found in faults(spoiled))


# --- executions ---


class Machine:
    """The planned state machine in a local AWS, with a function to invoke and a queue for failed runs."""

    def __init__(self, aws: Sandbox, definition: Definition) -> None:
        self.aws = aws
        aws.client("logs").create_log_group(logGroupName=LOG_GROUP)
        logging = deployments.allow("logs:CreateLogStream", "logs:PutLogEvents")
        deployments.function(aws, FUNCTION, deployments.role(aws, logging), name="ebs-backup")
        deployments.queue(aws, "ebs-backup-failed-runs")
        url = aws.client("sqs").get_queue_url(QueueName="ebs-backup-failed-runs")["QueueUrl"]
        definition["States"]["Report failure"]["Parameters"]["QueueUrl"] = url  # a plan does not know it
        trusted = deployments.role(
            aws,
            deployments.allow("lambda:InvokeFunction", "sqs:SendMessage"),
            name="state-machine",
            service="states.amazonaws.com",
        )
        self.arn = aws.client("stepfunctions").create_state_machine(
            name="ebs-backup",
            definition=json.dumps(definition).replace("111122223333", deployments.ACCOUNT),
            roleArn=trusted,
        )["stateMachineArn"]
        starter = deployments.role(
            aws, deployments.allow("states:StartExecution"), name="s", service="events.amazonaws.com"
        )
        self._target = {"Arn": self.arn, "RoleArn": starter}

    def run(self, **payload: Any) -> Any:
        """Return the ended execution of a payload of these keys."""
        return self.run_on(payload)

    def run_on(self, payload: Any) -> Any:
        """Return the ended execution of any payload."""
        deployments.schedule(self.aws, self._target | {"Input": json.dumps(payload)})
        return self.aws.tick("nightly")[0].execution

    def messages(self) -> list[Any]:
        return [json.loads(message["Body"]) for message in deployments.messages(self.aws, "ebs-backup-failed-runs")]

    def invocations(self, step: str) -> int:
        events = self.aws.client("logs").filter_log_events(logGroupName=LOG_GROUP)["events"]
        return sum(f"'step': '{step}'" in event["message"] for event in events)


@pytest.fixture
def machine(definitions: list[Definition]) -> Iterator[Machine]:
    with Sandbox() as aws:
        yield Machine(aws, copy.deepcopy(definitions[0]))


def test_execution_visits_regions_until_all_are_done(machine: Machine) -> None:
    ended = machine.run(regions=["small", "large"], run_id="r")

    assert (ended.status, machine.messages()) == ("SUCCEEDED", [])
    assert json.loads(ended.output)["visits"] == [{"region": "small", "rounds": 1}, {"region": "large", "rounds": 3}]
    assert [machine.invocations(step) for step in ("begin", "visit", "finish")] == [1, 4, 1]


def test_crashed_visit_is_retried_while_other_regions_go_on(machine: Machine) -> None:
    ended = machine.run(regions=["raises", "exits", "recovers", "large"], run_id="r")

    assert ended.status == "SUCCEEDED"  # the function decides whether the run failed
    raised, exited, recovered, visited = json.loads(ended.output)["visits"]
    assert (raised["region"], raised["error"]["Error"]) == ("raises", "ValueError")
    assert json.loads(raised["error"]["Cause"])["errorMessage"] == "no visit"
    assert (exited["region"], exited["error"]["Error"]) == ("exits", "Runtime.ExitError")
    assert recovered == {"region": "recovers", "rounds": 1}
    assert visited == {"region": "large", "rounds": 3}
    assert machine.invocations("visit") == 3 + 3 + 3 + 3


def test_failed_run_reaches_the_queue_without_a_retry(machine: Machine) -> None:
    ended = machine.run(regions=["small"], run_id="fails")

    assert (ended.status, ended.error) == ("FAILED", "RunFailed")
    assert ended.cause == "something is missing\n- eu-west-1: a volume"
    assert machine.invocations("finish") == 1
    [record] = machine.messages()
    assert record["requestContext"] == {
        "requestId": ended.arn.rpartition(":")[2],
        "executionArn": ended.arn,
        "condition": "ExecutionFailed",
    }
    assert record["requestPayload"] == {"regions": ["small"], "run_id": "fails"}
    assert record["responsePayload"] == {"errorType": ended.error, "errorMessage": ended.cause}


@pytest.mark.parametrize("payload", [{"nonsense": True}, [], "nonsense", 7])
def test_invalid_request_reaches_the_queue_without_a_retry(machine: Machine, payload: Any) -> None:
    ended = machine.run_on(payload)

    assert (ended.error, ended.cause, machine.invocations("begin")) == ("RequestError", "no regions", 1)
    [record] = machine.messages()
    assert record["requestPayload"] == payload


def test_refusal_by_lambda_reaches_the_queue(machine: Machine) -> None:
    machine.aws.client("lambda").delete_function(FunctionName="ebs-backup")

    ended = machine.run(regions=["small"])

    assert (ended.status, ended.error) == ("FAILED", "Lambda.ResourceNotFoundException")
    [record] = machine.messages()
    assert record["responsePayload"]["errorType"] == ended.error
    assert "Function not found" in record["responsePayload"]["errorMessage"]


# The forms of an error output: https://states-language.net/spec.html#error-output
@pytest.mark.parametrize(
    ("caught", "cause"),
    [
        ({"Error": "Lambda.Unknown", "Cause": '{"errorMessage": "Task timed out"}'}, "Task timed out"),
        ({"Error": "ValueError", "Cause": '{"errorMessage": "no", "errorType": "ValueError"}'}, "no"),
        ({"Error": "Lambda.Unknown", "Cause": "plain words"}, "plain words"),
        ({"Error": "Lambda.Unknown", "Cause": '{"errorMessage": "cut of'}, '{"errorMessage": "cut of'),
        ({"Error": "Lambda.Unknown", "Cause": ""}, ""),
        ({"Error": "Lambda.Unknown"}, ""),
    ],
)
def test_error_reaches_the_queue_with_any_form_of_cause(
    definitions: list[Definition], caught: dict[str, str], cause: str
) -> None:
    with Sandbox() as aws:
        machine = Machine(aws, copy.deepcopy(definitions[0]) | {"StartAt": "Read cause"})

        ended = machine.run_on(caught)

        assert (ended.status, ended.error, ended.cause) == ("FAILED", caught["Error"], cause)
        [record] = machine.messages()
        assert record["responsePayload"] == {"errorType": caught["Error"], "errorMessage": cause}


def test_error_of_step_functions_reaches_the_queue(definitions: list[Definition]) -> None:
    with Sandbox() as aws:
        machine = Machine(aws, copy.deepcopy(definitions[0]) | {"StartAt": "Read cause"})

        ended = machine.run_on({"Error": "States.Timeout"})

        # The name is not asserted: the language forbids a Fail state to use a name that begins with "States.".
        assert ended.status == "FAILED"
        [record] = machine.messages()
        assert record["responsePayload"] == {"errorType": "States.Timeout", "errorMessage": ""}


def test_failed_run_fails_if_the_queue_denies_its_message(machine: Machine) -> None:
    deployments.permitted(machine.aws, "state-machine", deployments.allow("lambda:InvokeFunction"))

    ended = machine.run(regions=["small"], run_id="fails")

    assert (ended.status, ended.error, machine.messages()) == ("FAILED", "RunFailed", [])


def test_run_by_hand_takes_the_name_of_the_execution(machine: Machine) -> None:
    ended = machine.run(regions=["small"])

    logged = machine.aws.client("logs").filter_log_events(logGroupName=LOG_GROUP)["events"]
    assert any(f"'run_id': '{ended.arn.rpartition(':')[2]}'" in event["message"] for event in logged)
