"""EC2's request limits: a bucket of requests for each operation, per account and region.

Holds what EC2 publishes. Knows nothing of how a run keeps to them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """The number of requests at once, and the number that comes back each second."""

    burst: float
    rate: float


# https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
PUBLISHED = {
    "CreateSnapshot": Limit(100, 5),
    "CreateSnapshots": Limit(100, 5),
    "CreateTags": Limit(100, 10),
    "DeleteSnapshot": Limit(100, 5),
}
