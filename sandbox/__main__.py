"""`python -m sandbox`: a local AWS to point Terraform, boto3 or the AWS CLI at."""

import argparse
import shlex
import signal
import sys
import threading
from pathlib import Path
from typing import Final

from sandbox.estate import DEMO, EstateError
from sandbox.local import Sandbox

_EPILOG: Final = """\
while it runs, over HTTP at its endpoint:
  POST /_sandbox/tick?rule=NAME&region=REGION[&time=2026-11-23T03:00:00Z]
                               deliver the event of a rule's schedule; the answer says what it led to
  POST /_sandbox/estate        add to what EC2 holds; body: an estate, as in sandbox/estates/demo.json
  POST /_sandbox/faults        make EC2 calls fail; body: a list such as
                               [{"action": "CreateSnapshot", "code": "InternalError", "times": 2}]
  POST /_sandbox/clock?seconds=N
                               move EC2's clock forward
  GET  /_sandbox/calls         list the calls to EC2
  GET  /_sandbox/decisions     list what was allowed and denied
"""


def main(arguments: list[str] | None = None) -> int:
    """Start a sandbox, say how to use it, and run until interrupted."""
    options = _parser().parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with Sandbox(estate=options.estate, port=options.port) as aws:
            print(_instructions(aws), flush=True)
            stop.wait()
    except (EstateError, OSError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="A local AWS for Terraform, boto3 and the AWS CLI. It listens on 127.0.0.1 only and keeps "
        "everything in memory. Ctrl-C ends it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=5080, help="port to listen on, 0 for a free one (default: 5080)")
    parser.add_argument("--estate", type=Path, default=DEMO, help="what EC2 holds, a JSON file (default: the demo's)")
    return parser


def _instructions(aws: Sandbox) -> str:
    """Say what to type in another shell; everything else is said by --help."""
    exports = [f"export {name}={shlex.quote(value)}" for name, value in aws.environment().items()]
    volumes = {name: len(region.volumes) for name, region in aws.ec2.regions.items() if region.volumes}
    holds = ", ".join(f"{count} in {name}" for name, count in volumes.items()) or "none"
    denied = [name for name, region in aws.ec2.regions.items() if region.denied]
    notes = [f"# A service control policy denies {', '.join(denied)}, so runs fail there"] if denied else []
    return "\n".join(
        ["# A local AWS is running; Ctrl-C ends it. In another shell:", *exports, *notes, f"# EBS volumes: {holds}"]
    )


if __name__ == "__main__":
    sys.exit(main())
