"""The time budget of one invocation, in seconds: how long a call may take, and what is set aside for the end.

Knows nothing of the clock: the time that is left is an argument.
"""

# The longest that a call to EC2 may stay without an answer: connecting, then reading.
CONNECT_TIMEOUT, READ_TIMEOUT = 5, 20
CALL_TIMEOUT = CONNECT_TIMEOUT + READ_TIMEOUT
# The longest that an attempt at a call to S3 may stay without an answer, and how many attempts make a call.
S3_CONNECT_TIMEOUT, S3_READ_TIMEOUT, S3_ATTEMPTS = 2, 4, 2
# botocore waits up to a second before the second attempt:
# https://boto3.amazonaws.com/v1/documentation/api/latest/guide/retries.html#standard-retry-mode
S3_CALL_TIMEOUT = (S3_CONNECT_TIMEOUT + S3_READ_TIMEOUT) * S3_ATTEMPTS + 1
# How long storing a report may take, if that much is left, and how long looking for the runs before it.
STORING = 20
LISTING = 3
# What failing in plain words takes, once the report is stored or is given up.
ENDING = 1
# How long after the deadline reading goes on, page by page: to see what the work came to.
GRACE = 5
# What building, storing and printing the report takes at least.
REPORTING = 5
# How long before Lambda's timeout nothing new starts. Reading ends, then the last call, then comes the report.
RESERVE = GRACE + CALL_TIMEOUT + REPORTING


def working_seconds(remaining_milliseconds: int) -> float:
    """Return how long an invocation may start new work, by the time that Lambda leaves it."""
    return remaining_milliseconds / 1000 - RESERVE


def storing_seconds(working_seconds_left: float) -> float:
    """Return how long storing the report may take; the time left for new work is below zero by then, or it is not."""
    return max(0.0, min(STORING, working_seconds_left + RESERVE - ENDING))
