"""The sandbox's own requests, under `/_sandbox/`: over HTTP, they let another process steer it as a test does."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from werkzeug.wrappers import Request, Response

from sandbox import estate
from sandbox.access import Access
from sandbox.ec2 import Fault, Simulator
from sandbox.events import Events, NoSuchRule


class Control:
    """Answers the sandbox's own requests."""

    def __init__(self, simulator: Simulator, access: Access, events: Events) -> None:
        self.simulator = simulator
        self.access = access
        self.events = events

    def __call__(self, request: Request) -> Response:
        """Answer one request; whatever is wrong with it is said in the answer."""
        work = _WORK.get((request.method, request.path))
        if work is None:
            known = ", ".join(f"{method} {path}" for method, path in _WORK)
            return _json({"error": f"{request.method} {request.path} is not among: {known}"}, 404)
        try:
            return _json(work(self, request), 200)
        except (KeyError, TypeError, ValueError, NoSuchRule) as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, 400)

    def tick(self, request: Request) -> Any:
        """Deliver a rule's scheduled event: `?rule=NAME&region=REGION[&time=...]`."""
        asked = request.args
        deliveries = self.events.tick(asked["rule"], asked["region"], asked.get("time"))
        return [asdict(delivery) for delivery in deliveries]

    def load_estate(self, request: Request) -> Any:
        """Put an estate, described in the body, into EC2."""
        estate.load(self.simulator, json.loads(request.get_data()))
        return {"volumes": {name: len(r.volumes) for name, r in self.simulator.regions.items() if r.volumes}}

    def inject(self, request: Request) -> Any:
        """Let the faults in the body, a list of objects, happen."""
        faults = [Fault(**described) for described in json.loads(request.get_data())]
        for fault in faults:
            self.simulator.inject(fault)
        return {"injected": len(faults)}

    def advance(self, request: Request) -> Any:
        """Move EC2's clock forward: `?seconds=N`."""
        self.simulator.clock.advance(float(request.args["seconds"]))
        return {"now": self.simulator.clock.now()}

    def calls(self, _: Request) -> Any:
        """List the calls to EC2."""
        return [asdict(call) for call in list(self.simulator.calls)]

    def decisions(self, _: Request) -> Any:
        """List what was allowed and denied."""
        return [decision._asdict() for decision in list(self.access.decisions)]


def _json(content: Any, status: int) -> Response:
    return Response(json.dumps(content, default=str) + "\n", status, content_type="application/json")


_WORK: Final[Mapping[tuple[str, str], Callable[[Control, Request], Any]]] = {
    ("POST", "/_sandbox/tick"): Control.tick,
    ("POST", "/_sandbox/estate"): Control.load_estate,
    ("POST", "/_sandbox/faults"): Control.inject,
    ("POST", "/_sandbox/clock"): Control.advance,
    ("GET", "/_sandbox/calls"): Control.calls,
    ("GET", "/_sandbox/decisions"): Control.decisions,
}
