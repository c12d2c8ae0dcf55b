"""A run: the four steps in every region, at the same time. A region that fails stops no other.

For whoever starts one: the Lambda function, in one invocation or step by step, or a person at a terminal.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ebs_backup.aws.clock import Clock
from ebs_backup.aws.ec2 import connect
from ebs_backup.aws.error import Ec2Error
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.request import Request, regions_to_visit
from ebs_backup.report.document import Run, RunFailed, log_region
from ebs_backup.report.region import RegionPart, RegionResult, region_part
from ebs_backup.runs.visit import Visitor

log = logging.getLogger(__name__)

EXPIRES_NOTHING = "made by hand without expire, or by a scheduled event of more than a day ago"

# How many actions a dry run's report lists, and how many verdicts, over all regions.
MAX_ACTIONS = 1500


def run(
    deployment: Deployment,
    request: Request,
    *,
    home_region: str,
    clock: Clock,
    deadline: float,
    watch: Callable[[RegionResult], object] = lambda _: None,
    listed: int = MAX_ACTIONS,
) -> Run:
    """Make one run and return what came of it; `watch` is shown each region's full result as it is through.

    Raises RunFailed if it cannot be known which regions there are, RequestError if none is left to visit.
    """
    at, start = clock.utc(), clock.now()
    regions = begin(deployment, request, home_region=home_region, clock=clock, deadline=deadline)
    visitor = Visitor(deployment=deployment, request=request, at=at, clock=clock, deadline=deadline)

    def part_of(name: str) -> RegionPart:
        result = visitor.visit(name)
        watch(result)
        part = region_part(result, listed=listed // len(regions))
        log_region(part)
        return part

    with ThreadPoolExecutor(len(regions), thread_name_prefix="visit") as pool:
        # Where the function runs there are often the most volumes; getting all regions under way takes seconds of CPU.
        visits = {name: pool.submit(part_of, name) for name in sorted(regions, key=lambda name: name != home_region)}
    parts = tuple(visits[name].result() for name in regions)
    return Run(
        deployment=deployment, request=request, started_at=at, duration_seconds=clock.now() - start, regions=parts
    )


def begin(
    deployment: Deployment, request: Request, *, home_region: str, clock: Clock, deadline: float
) -> tuple[str, ...]:
    """Return the regions of a run, which begins with that; raise RunFailed, or RequestError, as a run does.

    EC2 is asked which regions there are unless they are named: the question itself may be denied.
    """
    enabled: tuple[str, ...] = ()
    if not (deployment.regions or request.regions):
        try:
            enabled = connect(home_region, clock, deadline).enabled_regions()
        except Ec2Error as error:
            raise RunFailed(f"cannot look up the account's regions (`regions` can name them): {error}") from None
    regions = regions_to_visit(deployment, request, enabled)
    about = {"policy": deployment.name, "run_id": request.run_id, "regions": regions, "expires": request.expires}
    log.info("run_started", extra=about)
    if not (request.expires or request.dry_run):
        log.info("run_expires_nothing", extra={"run_id": request.run_id, "reason": EXPIRES_NOTHING})
    return regions
