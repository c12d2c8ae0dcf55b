"""Pacing: EC2's request buckets, as far as one who sends requests can know them."""

from ebs_backup.model.limits import Limit

# By how much the rate changes at a refusal, and at each request that is taken. Where others use up what EC2 gives, the
# two are in balance at one refusal in 70 requests.
SLOWER, SLOWEST = 1 / 2, 1 / 64
FASTER = 1.01
# Refusals in a row show that the bucket is still empty, not that the rate is lower: each doubles the wait. It doubles
# this often at most.
MOST_DOUBLED = 5
# Requests of a burst that are left alone, since EC2 counts a request when it arrives: one that was quick on its way
# finds less refilled than its sender thought.
SPARE = 2


class TokenBucket:
    """One of EC2's request buckets: a burst, refilled at a rate; slower while EC2 says that others draw on it too."""

    def __init__(self, limit: Limit, now: float) -> None:
        self._capacity = self._tokens = max(1.0, limit.burst - SPARE)
        self._full_rate = self._rate = limit.rate
        self._filled_at = now
        self._slowed_at = float("-inf")
        self._refusals = 0

    def ready_at(self, now: float) -> float:
        """Return when the next token will be there, in the clock's seconds."""
        self._refill(now)
        return now if self._tokens >= 1 else now + (1 - self._tokens) / self._rate

    def is_full(self, now: float) -> bool:
        """Tell whether the bucket can take no more, so that what would refill it is lost."""
        return self.tokens(now) >= self._capacity

    def tokens(self, now: float) -> float:
        """Return how many requests can go now."""
        self._refill(now)
        return self._tokens

    def take(self, now: float) -> None:
        """Spend a token."""
        self._refill(now)
        self._tokens -= 1

    def put_back(self) -> None:
        """Return a token that was not spent on a request after all."""
        self._tokens = min(self._capacity, self._tokens + 1)

    def throttled(self, now: float, taken_at: float) -> None:
        """Learn that EC2 refused a request whose token was taken then: start from no tokens, at half the rate.

        The next one in a row only makes the wait longer. Only the first of several requests that were on their way
        together shows something new.
        """
        self._refill(now)
        self._tokens = min(self._tokens, 0.0)
        if taken_at < self._slowed_at:
            return
        if not self._refusals:
            self._rate = max(self._rate * SLOWER, self._full_rate * SLOWEST)
        self._tokens = min(self._tokens, 1.0 - 2 ** min(self._refusals, MOST_DOUBLED))
        self._slowed_at = now
        self._refusals += 1

    def accepted(self) -> None:
        """Learn that EC2 took a request: come back to the full rate, little by little."""
        self._refusals = 0
        self._rate = min(self._full_rate, self._rate * FASTER)

    def _refill(self, now: float) -> None:
        self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
