"""Advice on the operator's next step, a sentence or two each."""

from collections import defaultdict
from collections.abc import Iterator

from ebs_backup.model.codes import Kind, meaning
from ebs_backup_cli.preview import Preview

# An invocation of Lambda takes 15 minutes at most; the last of them are for the report.
_INVOCATION_SECONDS = 14 * 60

_BY_KIND = {
    Kind.THROTTLED: "Other callers use up the account's rate of EC2 calls there. Try again in a few minutes.",
    Kind.AMBIGUOUS: "EC2 did not answer there. Try again. If it goes on, see the AWS Health Dashboard.",
}
_BY_CODE = {
    ("UnauthorizedOperation", "AccessDenied"): (
        "Your credentials may not do this there: the message says which policy forbids it. Ask for the permission, or "
        "leave the region out with --exclude-region."
    ),
    ("AuthFailure", "OptInRequired", "InvalidClientTokenId", "UnrecognizedClientException"): (
        "The region does not take your credentials: most often it is not enabled for the account. Enable it, or leave "
        "it out with --exclude-region."
    ),
    ("RequestExpired", "ExpiredToken", "SignatureDoesNotMatch"): (
        "Your credentials have expired, or your computer's clock is wrong. Renew the credentials and try again."
    ),
}


def problems(preview: Preview, timeout: float) -> Iterator[str]:
    """Yield which regions were not read and why, a line each, and then what to do about those alike."""
    if preview.timed_out:
        yield f"Time ran out after {timeout:g} seconds: what was not read by then is missing. --timeout gives more."
    unread: dict[str, list[str]] = defaultdict(list)
    for each in preview.regions:
        if each.problem and not each.denied_as_expected:
            what = ": ".join(filter(None, (each.problem.operation, each.problem.code, each.problem.message)))
            remedy = _remedy(each.problem.code) if each.problem.code else ""
            unread[remedy].append(f"{each.region}: not read: {what}")
    for remedy, lines in unread.items():
        yield from lines
        yield from filter(None, [remedy])


def _remedy(code: str) -> str:
    """Return what a person at a terminal can do about an error: there is no run role, and no next run."""
    entry = meaning(code)
    return _BY_KIND.get(entry.kind) or next((text for codes, text in _BY_CODE.items() if code in codes), entry.remedy)


def brakes(preview: Preview) -> Iterator[str]:
    """Yield what to do about deletions that are held back."""
    held = [each.region for each in preview.regions if each.plan and each.plan.brake]
    if held:
        yield (
            f"{', '.join(held)}: the brake holds back what is due. If all of it may go, set confirmed_retention = "
            f'"{preview.deployment.terms.code}".'
        )


def next_step(preview: Preview, *, of_a_file: bool, seconds: float) -> Iterator[str]:
    """Yield what to do with a plan that took everything in."""
    if not any(each.plan and each.plan.selected for each in preview.regions):
        yield "No volume is selected. See whether --profile, --region and the tags are those you mean."
    elif of_a_file:
        yield "Nothing was changed. The deployment's next run does this."
    else:
        yield "Nothing was changed. Apply the Terraform module with these settings, and its next run does this."
    if seconds > _INVOCATION_SECONDS and not preview.deployment.rounds_prefix:
        yield "That is more than one invocation of Lambda can do: set engine = step_functions."
