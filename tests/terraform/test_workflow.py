"""The state machine: its definition makes sense, and does what it is for, whatever becomes of the function.

Here the function is played by one that does as its payload says; the real one is in tests/e2e.
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
# A region's name says what becomes of its visits, the run's id what becomes of the first and the last step.
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


# --- its form ---


def test_its_definition_makes_sense(definitions: list[Definition]) -> None:
    assert {fault for definition in definitions for fault in faults(definition)} == set()


def test_it_has_no_more_than_an_end_in_success_and_one_in_failure(definitions: list[Definition]) -> None:
    for definition in definitions:
        ends = {name for name, state in definition["States"].items() if state.get("End") or state["Type"] == "Fail"}
        assert ends == {"Finish", "Failed"}


def _visit(definition: Definition) -> Definition:
    visit: Definition = definition["States"]["Regions"]["ItemProcessor"]["States"]["Visit"]
    return visit


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda d: d["States"]["Begin"].update(Next="Nowhere"), "Begin goes on to Nowhere, which is not there"),
        (lambda d: d["States"].update(Spare={"Type": "Pass", "End": True}), "Spare is never reached"),
        (lambda d: _visit(d).pop("Catch"), "Visit: does not catch everything"),
        (lambda d: _visit(d).pop("Retry"), "Visit: does not retry the errors of Lambda itself"),
        (lambda d: _visit(d).pop("TimeoutSeconds"), "Visit: may wait for ever"),
        (lambda d: _visit(d)["Retry"].reverse(), "Visit: Retry has States.ALL neither alone nor last"),
        (lambda d: d["States"]["Tell"].pop("Retry"), "Tell: retries nothing"),
        (lambda d: d["States"]["Tell"].pop("Resource"), "Tell: lacks Resource"),
        (lambda d: d["States"]["Finish"].update(Next="Failed"), "Finish: must have either Next or End"),
        (lambda d: d["States"]["Explained?"].pop("Default"), "Explained?: fails where no choice fits"),
    ],
)
def test_what_would_make_no_sense_is_told(
    definitions: list[Definition], spoil: Callable[[Definition], object], fault: str
) -> None:
    spoiled = copy.deepcopy(definitions[0])
    spoil(spoiled)
    assert fault in list(faults(spoiled))


# --- what it does ---


class Machine:
    """The planned state machine in a local AWS, with a function to invoke and a queue to tell."""

    def __init__(self, aws: Sandbox, definition: Definition) -> None:
        self.aws = aws
        aws.client("logs").create_log_group(logGroupName=LOG_GROUP)
        logging = deployments.allow("logs:CreateLogStream", "logs:PutLogEvents")
        deployments.function(aws, FUNCTION, deployments.role(aws, logging), name="ebs-backup")
        deployments.queue(aws, "ebs-backup-failed-runs")
        url = aws.client("sqs").get_queue_url(QueueName="ebs-backup-failed-runs")["QueueUrl"]
        definition["States"]["Tell"]["Parameters"]["QueueUrl"] = url  # which only an apply knows
        trusted = deployments.role(
            aws,
            deployments.allow("lambda:InvokeFunction", "sqs:SendMessage"),
            name="engine",
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
        """Execute it and return how that ended."""
        return self.run_on(payload)

    def run_on(self, payload: Any) -> Any:
        """Execute it on whatever payload and return how that ended."""
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


def test_regions_are_visited_until_each_is_done_and_then_summed_up(machine: Machine) -> None:
    ended = machine.run(regions=["small", "large"], run_id="r")

    assert (ended.status, machine.messages()) == ("SUCCEEDED", [])
    assert json.loads(ended.output)["visits"] == [{"region": "small", "rounds": 1}, {"region": "large", "rounds": 3}]
    assert [machine.invocations(step) for step in ("begin", "visit", "finish")] == [1, 4, 1]


def test_a_visit_that_crashes_is_tried_twice_more_and_then_told_of_while_the_others_go_on(machine: Machine) -> None:
    ended = machine.run(regions=["raises", "exits", "recovers", "large"], run_id="r")

    assert ended.status == "SUCCEEDED"  # as far as the state machine goes: what it comes to, the function says
    raised, exited, recovered, visited = json.loads(ended.output)["visits"]
    assert (raised["region"], raised["error"]["Error"]) == ("raises", "ValueError")
    assert json.loads(raised["error"]["Cause"])["errorMessage"] == "no visit"
    assert (exited["region"], exited["error"]["Error"]) == ("exits", "Runtime.ExitError")
    assert recovered == {"region": "recovers", "rounds": 1}
    assert visited == {"region": "large", "rounds": 3}
    assert machine.invocations("visit") == 3 + 3 + 3 + 3


def test_a_run_that_failed_fails_at_once_and_is_told_of_as_lambda_would(machine: Machine) -> None:
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
def test_what_is_no_request_fails_at_once_and_is_told_of_whatever_it_is(machine: Machine, payload: Any) -> None:
    ended = machine.run_on(payload)

    assert (ended.error, ended.cause, machine.invocations("begin")) == ("RequestError", "no regions", 1)
    [record] = machine.messages()
    assert record["requestPayload"] == payload


def test_what_lambda_itself_refuses_is_told_of_too(machine: Machine) -> None:
    machine.aws.client("lambda").delete_function(FunctionName="ebs-backup")

    ended = machine.run(regions=["small"])

    assert (ended.status, ended.error) == ("FAILED", "Lambda.ResourceNotFoundException")
    [record] = machine.messages()
    assert record["responsePayload"]["errorType"] == ended.error
    assert "Function not found" in record["responsePayload"]["errorMessage"]


# What Step Functions makes of an error: https://states-language.net/spec.html#error-output
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
def test_whatever_form_an_error_has_it_is_told_of_by_its_name_and_what_there_is_of_a_cause(
    definitions: list[Definition], caught: dict[str, str], cause: str
) -> None:
    with Sandbox() as aws:
        machine = Machine(aws, copy.deepcopy(definitions[0]) | {"StartAt": "Explained?"})

        ended = machine.run_on(caught)

        assert (ended.status, ended.error, ended.cause) == ("FAILED", caught["Error"], cause)
        [record] = machine.messages()
        assert record["responsePayload"] == {"errorType": caught["Error"], "errorMessage": cause}


def test_an_error_of_step_functions_itself_is_told_of_too(definitions: list[Definition]) -> None:
    with Sandbox() as aws:
        machine = Machine(aws, copy.deepcopy(definitions[0]) | {"StartAt": "Explained?"})

        ended = machine.run_on({"Error": "States.Timeout"})

        # By which name, is left open: the language forbids a state to report one that begins with "States.".
        assert ended.status == "FAILED"
        [record] = machine.messages()
        assert record["responsePayload"] == {"errorType": "States.Timeout", "errorMessage": ""}


def test_a_run_that_cannot_be_told_of_fails_all_the_same(machine: Machine) -> None:
    deployments.permitted(machine.aws, "engine", deployments.allow("lambda:InvokeFunction"))

    ended = machine.run(regions=["small"], run_id="fails")

    assert (ended.status, ended.error, machine.messages()) == ("FAILED", "RunFailed", [])


def test_an_execution_by_hand_gives_its_name_to_the_run(machine: Machine) -> None:
    ended = machine.run(regions=["small"])

    logged = machine.aws.client("logs").filter_log_events(logGroupName=LOG_GROUP)["events"]
    assert any(f"'run_id': '{ended.arn.rpartition(':')[2]}'" in event["message"] for event in logged)
