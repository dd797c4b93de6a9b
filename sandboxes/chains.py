"""How batches are worked off: by tasks that take turns, kept in Redis piece by piece.

A batch's results are kept under its hash for a while, and losing them costs a recomputation and nothing else. A *chain*
is a task on the queue `sweeps` that takes the next free piece, again and again, and after half a second puts itself at
the end of the queue, so that several batches share the workers and more workers finish sooner (docs/decisions/0017).

    batch:<key>             hash: r<piece> its numbers ("" if it is given up), c<piece> and "charts" what its curves are
    batch:<key>:next        counts the pieces that were taken for the first time
    batch:<key>:tries       hash: piece -> how often it was taken
    batch:<key>:leases      hash: piece -> "<until> <chain>" while a chain is at it
    batch:<key>:wanted      held while somebody looks on; the chains of a batch nobody looks at end
    batch:<key>:alive       held by whoever started chains, and renewed by these as they work and as they queue again
    batch:<key>:generation  counts how often chains were started; those of an earlier time end
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from enum import Enum
from secrets import token_hex
from typing import Any, cast

import numpy as np
import redis
import structlog
from celery import current_app
from django.http import HttpRequest
from kombu.exceptions import OperationalError

from sandboxes import limits, services
from sandboxes.batches import FAILED, PENDING, Batch, Look, Standing, batch_of, computed
from sandboxes.queues import SWEEPS
from sandboxes.simulations.statistics import Moments, merged
from sandboxes.store import connection

log = structlog.get_logger(__name__)

KEPT_S = 30 * 60
# A page asks twice a second, and slower when the machine is busy.
WANTED_KEPT_S = 8
# Longer than a task's hard time limit: whoever holds a lease beyond it is gone.
LEASE_S = 45
MOST_TRIES = 2
# A chain works about this long before it lets others have a turn.
SLICE_S = 0.5
CHAINS = 8
# A chain that waits for its turn any longer is dropped, and whoever looks on then starts new ones.
CHAIN_KEPT_S = ALIVE_KEPT_S = 120
ALL_FAILED_KEPT_S = 10

# The next piece to work on, or -1: one that nobody has taken yet, and when there are none, one that is free again. Free
# is what has no result, and no lease but an expired one, or one of this very chain, which then died and was started
# again. What has been tried often enough is given up.
TAKE = """
local results, tries, leases, next_one = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local pieces, chain, lease_s, most, kept_s = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local now = tonumber(redis.call('time')[1])
local function taken(piece)
  if redis.call('hexists', results, 'r' .. piece) == 1 then return false end
  local lease = redis.call('hget', leases, piece)
  local till, holder = 0, chain
  if lease then till, holder = string.match(lease, '(%d+) (.+)') end
  if holder ~= chain and tonumber(till) > now then return false end
  if redis.call('hincrby', tries, piece, 1) > most then
    redis.call('hset', results, 'r' .. piece, '')
    return false
  end
  redis.call('hset', leases, piece, (now + lease_s) .. ' ' .. chain)
  return true
end
local found = -1
while found < 0 do
  local fresh = redis.call('incr', next_one) - 1
  if fresh >= pieces then break end
  if taken(fresh) then found = fresh end
end
for piece = 0, pieces - 1 do
  if found >= 0 then break end
  if taken(piece) then found = piece end
end
for _, key in ipairs(KEYS) do redis.call('expire', key, kept_s) end
return found
"""


class Manner(Enum):
    """How to look at a batch."""

    ASK = "ask"  # and keep workers at it
    READ = "read"  # as it stands
    LEAVE = "leave"  # as it stands, and say that nobody looks on; who still does says otherwise at the next look


def standing(
    batches: Sequence[Batch],
    wait_s: float = 0.0,
    manner: Manner = Manner.ASK,
    visitor: HttpRequest | None = None,
) -> Standing | services.Failed:
    """`look` at each; they share `wait_s`."""
    deadline = time.monotonic() + wait_s
    if wait_s:
        for batch in batches[1:]:
            look(batch, 0.0, manner, visitor)  # all are begun before one is waited for
    looks = [look(batch, max(0.0, deadline - time.monotonic()), manner, visitor) for batch in batches]
    failed = next((outcome for outcome in looks if isinstance(outcome, services.Failed)), None)
    return failed or Standing(tuple(outcome for outcome in looks if isinstance(outcome, Look)))


def look(
    batch: Batch, wait_s: float = 0.0, manner: Manner = Manner.ASK, visitor: HttpRequest | None = None
) -> Look | services.Failed:
    """The batch as it stands.

    Returns as soon as it is complete, after at most `wait_s` seconds. A batch that nobody has begun costs the `visitor`
    a token for each of its runs (sandboxes.limits); None is nobody's request.
    """
    try:
        if manner is Manner.LEAVE:
            connection().delete(f"batch:{batch.key}:wanted")
        at_work = _ask(batch, visitor) if manner is Manner.ASK else False
        if isinstance(at_work, services.Failed):
            return at_work
        with services.place_to_wait() as may_wait:
            deadline = time.monotonic() + (wait_s if may_wait else 0)
            while time.monotonic() < deadline and not _is_complete(batch):
                time.sleep(0.02)
        return _read(batch, at_work)
    except (redis.RedisError, OperationalError, OSError) as error:
        log.warning("batch_unreachable", key=batch.key, error=type(error).__name__)
        return services.UNREACHABLE


def work(spec: Mapping[str, Any], generation: int, chain: str) -> str:
    """In a worker: take pieces for a while.

    Returns "more" when there is more to do, "finished" when nothing is left to take, "left" when nobody looks on or
    other chains have been started since.
    """
    batch, until = batch_of(spec), time.monotonic() + SLICE_S
    name, store = f"batch:{batch.key}", connection()
    while True:
        wanted, current = store.mget(f"{name}:wanted", f"{name}:generation")
        if int(current or 0) != generation:
            return "left"  # what the newer chains hold is theirs
        if not wanted:
            store.delete(f"{name}:alive")
            return "left"
        store.set(f"{name}:alive", b"1", ex=ALIVE_KEPT_S)
        piece = int(store.eval(TAKE, 4, *_keys(name), batch.pieces, chain, LEASE_S, MOST_TRIES, KEPT_S))
        if piece < 0:
            # Should another chain have died over its piece, new ones may start once its lease is over.
            store.expire(f"{name}:alive", LEASE_S)
            return "finished"
        _work_on(batch, piece)
        if time.monotonic() > until:
            return "more"


def _ask(batch: Batch, visitor: HttpRequest | None) -> bool | services.Failed:
    """Say that somebody looks on, and start chains unless some are at work. Whether any are; or why none may be."""
    name, store = f"batch:{batch.key}", connection()
    store.set(f"{name}:wanted", b"1", ex=WANTED_KEPT_S)
    if _is_complete(batch):
        return False
    if not store.set(f"{name}:alive", b"1", ex=ALIVE_KEPT_S, nx=True):
        return True
    try:
        started = _start(batch, visitor)
    except Exception:
        store.delete(f"{name}:alive")
        raise
    if started is not True:
        store.delete(f"{name}:alive")
    return started


def _start(batch: Batch, visitor: HttpRequest | None) -> bool | services.Failed:
    """Start chains, if there is room in the queue and the visitor has the tokens for what nobody has begun."""
    name, store = f"batch:{batch.key}", connection()
    if store.llen(SWEEPS.name) >= SWEEPS.most_queued():
        return False
    if visitor is not None and not store.exists(name) and (wait_s := limits.take(visitor, "sweeps", batch.runs)):
        return services.too_many(wait_s)
    generation = store.incr(f"{name}:generation")
    store.expire(f"{name}:generation", KEPT_S)
    # The pace is measured from here: what was there before, and when.
    store.hset(name, "since", f"{time.time()} {_counted(batch)}")
    store.expire(name, KEPT_S)
    for _ in range(min(CHAINS, batch.pieces)):
        go_on(batch.spec, generation, token_hex(8))
    return True


def go_on(spec: Mapping[str, Any], generation: int, chain: str) -> None:
    """Put a chain at the end of the queue."""
    current_app.send_task("sandboxes.tasks.work", (spec, generation, chain), queue=SWEEPS.name, expires=CHAIN_KEPT_S)


def _keys(name: str) -> tuple[str, str, str, str]:
    return name, f"{name}:tries", f"{name}:leases", f"{name}:next"


def _work_on(batch: Batch, piece: int) -> None:
    """Compute one piece and keep it. A first failure gives it back; a second keeps what can be had of it."""
    name, store = f"batch:{batch.key}", connection()
    tries = int(store.hget(f"{name}:tries", str(piece)) or 0)
    try:
        fields = computed(batch, piece, at_any_rate=tries >= MOST_TRIES)
    except Exception as error:
        log.exception("piece_failed", key=batch.key, piece=piece, tries=tries, error=type(error).__name__)
        store.hdel(f"{name}:leases", str(piece))
        return
    store.hset(name, mapping=fields)


def _counted(batch: Batch) -> int:
    """How many pieces are over."""
    fields = cast(Sequence[bytes], connection().hkeys(f"batch:{batch.key}"))
    return sum(field.startswith(b"r") for field in fields)


def _is_complete(batch: Batch) -> bool:
    name = f"batch:{batch.key}"
    # Counting all fields is cheap and tells that it is too early to look closer.
    return connection().hlen(name) >= batch.pieces and _counted(batch) == batch.pieces


def _read(batch: Batch, at_work: bool) -> Look:
    kept = cast(Mapping[bytes, bytes], connection().hgetall(f"batch:{batch.key}"))
    values = np.full((batch.runs, len(batch.simulation.metrics)), np.nan)
    states = np.full(batch.runs, PENDING, np.uint8)
    over = 0
    for piece in range(batch.pieces):
        packed = kept.get(f"r{piece}".encode())
        if packed is None:
            continue
        over += 1
        runs = batch.runs_of(piece)
        number = runs.size
        if not packed:
            states[runs] = FAILED
            continue
        states[runs] = np.frombuffer(packed[-number:], np.uint8)
        values[runs] = np.frombuffer(packed[:-number]).reshape(number, -1)
    shape = (len(batch.points), batch.seeds)
    if over == batch.pieces and (states == FAILED).all():
        # Whatever was wrong may pass; whoever comes later tries again.
        connection().expire(f"batch:{batch.key}", ALL_FAILED_KEPT_S)
    return Look(
        batch,
        values.reshape(*shape, -1),
        states.reshape(shape),
        charts=tuple(json.loads(kept.get(b"charts", b"[]"))),
        averages=_averages(batch, kept),
        left_s=_left_s(kept.get(b"since"), over, batch.pieces) if at_work else None,
        at_work=at_work and over < batch.pieces,
    )


def _averages(batch: Batch, kept: Mapping[bytes, bytes]) -> Moments | None:
    pieces = [kept[field] for piece in range(batch.pieces) if (field := f"c{piece}".encode()) in kept]
    if not pieces:
        return None
    stacked = np.array([np.frombuffer(packed, np.float64).reshape(3, -1) for packed in pieces])
    return merged(stacked[:, 0], stacked[:, 1], stacked[:, 2])


def _left_s(since: bytes | None, over: int, pieces: int) -> float | None:
    """At the pace since chains were last started."""
    if since is None:
        return None
    started, before = since.decode().split()
    newly = over - int(before)
    return (time.time() - float(started)) / newly * (pieces - over) if newly > 0 else None
