"""How long a plan takes at EC2's request limits, at least. Pure."""

from collections import Counter
from collections.abc import Mapping

from ebs_backup.model.limits import Limit
from ebs_backup.model.values import Announce, Create, Plan
from ebs_backup.plan.announcements import together

# The operations that can carry out an action.
_SINGLE, _SET = ("CreateSnapshot",), ("CreateSnapshots",)
_EITHER = _SINGLE + _SET
_TAG, _DELETE = ("CreateTags",), ("DeleteSnapshot",)


def seconds_at_least(plan: Plan, limits: Mapping[str, Limit]) -> float:
    """Return the seconds that EC2's buckets need for a plan in one region: creates and tags, then deletions.

    An action that two operations can carry out goes by the one that is free first. Each snapshot of a set needs a
    CreateTags request of its own.
    """
    calls = Counter(action.operations for action in plan.actions)
    announces = [action for action in plan.actions if isinstance(action, Announce)]
    tags = calls[_TAG] - len(announces) + len(list(together(announces)))
    tags += sum(len(a.volumes) for a in plan.actions if isinstance(a, Create) and a.is_set)
    single, sets, tagging, deleting = (limits[operation] for operation in (*_SINGLE, *_SET, *_TAG, *_DELETE))
    both = Limit(single.burst + sets.burst, single.rate + sets.rate)
    creating = max(
        _drained(calls[_SINGLE], single),
        _drained(calls[_SET], sets),
        _drained(calls[_SINGLE] + calls[_SET] + calls[_EITHER], both),
        _drained(tags, tagging),
    )
    return creating + _drained(calls[_DELETE], deleting)


def _drained(calls: int, limit: Limit) -> float:
    return max(0.0, (calls - limit.burst) / limit.rate)
