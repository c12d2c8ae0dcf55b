"""`python -m sandbox.demo`: run the demonstration and print it."""

import json

from sandbox import Sandbox
from sandbox.demo.account import Account
from sandbox.demo.screen import Screen
from sandbox.demo.story import EXAMPLE, ROOT, Story
from sandbox.estate import DEMO
from sandbox.terraform import Terraform


def main() -> None:
    """Run the demonstration, in an estate whose regions are all open at first."""
    estate = json.loads(DEMO.read_text(encoding="utf-8")) | {"denied": []}
    with Sandbox(estate=estate) as aws, Terraform(EXAMPLE, aws.environment(), within=ROOT) as terraform:
        Story(Screen(), Account(aws), terraform).tell()


if __name__ == "__main__":
    main()
