"""The outcomes: what came of each action for each volume, kept in order and logged as it comes."""

import logging

from ebs_backup.model.values import Action, Create, Outcome, Problem, Status
from ebs_backup.plan.announcements import Announcements

log = logging.getLogger(__name__)

_EVENTS = {
    Status.CREATED: (logging.INFO, "snapshot_create_started"),
    Status.ALREADY_THERE: (logging.INFO, "snapshot_found"),
    Status.TAGGED: (logging.DEBUG, "snapshot_tagged"),
    Status.DELETED: (logging.INFO, "snapshot_deleted"),
    Status.ANNOUNCED: (logging.INFO, "deletion_announced"),
    Status.WITHDRAWN: (logging.INFO, "announcement_withdrawn"),
    Status.KEPT: (logging.INFO, "snapshot_kept"),
    Status.SKIPPED: (logging.INFO, "volume_skipped"),
    Status.SET_REFUSED: (logging.WARNING, "set_refused"),
    Status.FAILED: (logging.ERROR, "action_failed"),
    Status.UNFINISHED: (logging.WARNING, "action_unfinished"),
}


class Outcomes:
    """A region's outcomes. Any number of threads may add some: each only appends to one list, which is atomic."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._outcomes: list[Outcome] = []

    def all(self) -> tuple[Outcome, ...]:
        """Return them in the order in which they came."""
        return tuple(self._outcomes)

    def add(self, *outcomes: Outcome) -> None:
        """Keep and log what came of an action."""
        for outcome in outcomes:
            self._outcomes.append(outcome)
            level, event = _EVENTS[outcome.status]
            log.log(level, event, extra=_log_fields(self._region, outcome))

    def end(
        self, action: Action | Announcements, status: Status, reason: str = "", problem: Problem | None = None
    ) -> None:
        """Keep and log that an action ended the same way for each of its volumes."""
        if isinstance(action, Create):
            self.add(*(Outcome(status, v.id, action.operation, None, reason, problem) for v in action.volumes))
        elif isinstance(action, Announcements):
            for each in action.each:
                self.end(each, status, reason or each.reason, problem)
        else:
            self.add(Outcome(status, action.volume_id, action.operation, action.snapshot_id, reason, problem))


def _log_fields(region: str, outcome: Outcome) -> dict[str, str]:
    fields = {"region": region, "volume_id": outcome.volume_id, "operation": outcome.operation}
    if outcome.snapshot_id:
        fields["snapshot_id"] = outcome.snapshot_id
    if outcome.reason:
        fields["reason"] = outcome.reason
    if outcome.problem:
        fields |= {"error_code": outcome.problem.code, "error_message": outcome.problem.message}
    return fields
