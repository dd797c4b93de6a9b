"""How much one visitor may ask of the workers: a bucket of tokens that fills by itself, one for each kind of work.

Ask before the work is begun, and do it only when the answer is 0:

    wait_s = limits.take(request, "runs")
    wait_s = limits.take(request, "sweeps", cost=2_500)
    if wait_s: answer 429 with `Retry-After: ceil(wait_s)`

What one token is worth, and how many there are, stands in `BUCKETS`; another kind of work is another line there. A
learner has buckets of their own. Whoever has saved nothing yet shares those of their address, which are larger, because
a classroom may stand behind one address. Nobody becomes a guest by being counted.

The buckets live in Redis, each until it would be full again. Without Redis nobody is stopped: there is then nothing to
ask the workers with, and whoever publishes the work says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import redis
from allauth.core.internal.ratelimit import consume, get_ip
from django.contrib.auth import SESSION_KEY
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from accounts.services import GUEST_SESSION_KEY
from sandboxes.store import connection


class Who(StrEnum):
    """Whose bucket it is."""

    LEARNER = "learner"
    ADDRESS = "address"


@dataclass(frozen=True)
class Bucket:
    """Holds at most `burst` tokens, and gets `per_s` a second."""

    per_s: float
    burst: float


# docs/decisions/0014 says where the numbers come from.
BUCKETS: Mapping[str, Mapping[Who, Bucket]] = {
    # A token is one run that has to be computed for somebody who waits.
    "runs": {Who.LEARNER: Bucket(per_s=10, burst=100), Who.ADDRESS: Bucket(per_s=30, burst=300)},
    # A token is one run of a sweep or of a replication: two of the largest sweeps at once, another every 100 s.
    "sweeps": {Who.LEARNER: Bucket(per_s=100, burst=20_000), Who.ADDRESS: Bucket(per_s=300, burst=60_000)},
}

# take(key, per_s, burst, cost) in Lua: 0 when the tokens have been taken, else the seconds until there will be enough.
# Time is Redis's own, so that several web machines agree on it. What is refused changes nothing.
TAKE = """
local function take(key, per_s, burst, cost)
  local clock = redis.call('time')
  local now = clock[1] + clock[2] / 1000000
  local kept = redis.call('hmget', key, 'tokens', 'at')
  local tokens = burst
  if kept[1] then tokens = math.min(burst, kept[1] + math.max(0, now - kept[2]) * per_s) end
  if tokens < cost then return (cost - tokens) / per_s end
  redis.call('hset', key, 'tokens', tokens - cost, 'at', string.format('%.6f', now))
  redis.call('pexpire', key, math.ceil((burst - tokens + cost) / per_s * 1000))
  return 0
end
"""
TAKE_ALONE = TAKE + "return tostring(take(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])))"


@dataclass(frozen=True)
class Taking:
    """A key and the arguments of `take` in Lua, for who asks for more than tokens in one turn with Redis."""

    key: str
    per_s: float
    burst: float
    cost: float


def take(request: HttpRequest, work: str, cost: float = 1) -> float:
    """0 when `cost` tokens have been taken from the visitor's bucket for `work`, else the seconds to come back after.

    Takes all or nothing. Raises ValueError for a cost that no bucket of this work can ever hold.
    """
    wanted = taking(request, work, cost)
    try:
        waited = connection().eval(TAKE_ALONE, 1, wanted.key, wanted.per_s, wanted.burst, wanted.cost)
    except (redis.RedisError, OSError):
        return 0
    return float(waited)


def taking(request: HttpRequest, work: str, cost: float = 1) -> Taking:
    """What `take` asks Redis. Raises ValueError for a cost that no bucket of this work can ever hold."""
    who, name = visitor(request)
    bucket = BUCKETS[work][who]
    if not 0 <= cost <= bucket.burst:
        raise ValueError(f"cost is {cost:g}; use 0 to {bucket.burst:g}, which is all that a bucket of {work} holds")
    # What Redis writes to disk tells nobody's address.
    hidden = salted_hmac("sandboxes.limits", name).hexdigest()[:24]
    return Taking(f"tokens:{work}:{who}:{hidden}", bucket.per_s, bucket.burst, cost)


def visitor(request: HttpRequest) -> tuple[Who, str]:
    """Whose tokens the request takes: the account's or guest's that its session knows, else its address's."""
    session = request.session
    learner = session.get(SESSION_KEY) or session.get(GUEST_SESSION_KEY)
    return (Who.LEARNER, str(learner)) if learner else (Who.ADDRESS, _address(request))


# Whoever saves an experiment costs rows: the experiment, and the first time a guest. Counted in the database.
SAVES_WINDOW_S = 60 * 60
MOST_SAVES = 120
SAVES = {"guest": f"{MOST_SAVES}/h/ip", "account": f"{MOST_SAVES}/h/user"}


def may_save(request: HttpRequest) -> bool:
    """Counts one more saved experiment for this account, or a guest's address; False when there were too many."""
    who = "account" if request.user.is_authenticated else "guest"
    return consume(request, app="sandboxes", action=who, config=SAVES) is not None


def _address(request: HttpRequest) -> str:
    try:
        return str(get_ip(request))
    except (PermissionDenied, ImproperlyConfigured):
        # Proxies that do not say what TRUSTED_PROXIES promises must not stop a run; their visitors share a bucket.
        return str(request.META.get("REMOTE_ADDR", ""))
