"""The time budget of one invocation, in seconds: how long a call may take, and what is set aside for the end.

Knows nothing of the clock: the time that is left is an argument.
"""

# The longest that a call to EC2 may stay without an answer: connecting, then reading.
CONNECT_TIMEOUT, READ_TIMEOUT = 5, 20
CALL_TIMEOUT = CONNECT_TIMEOUT + READ_TIMEOUT
# How long after the deadline reading goes on, page by page: to see what the work came to.
GRACE = 5
# What building, storing and printing the report takes.
REPORTING = 5
# How long before Lambda's timeout nothing new starts. Reading ends, then the last call, then comes the report.
RESERVE = GRACE + CALL_TIMEOUT + REPORTING


def working_seconds(remaining_milliseconds: int) -> float:
    """Return how long an invocation may start new work, by the time that Lambda leaves it."""
    return remaining_milliseconds / 1000 - RESERVE
