"""How large a run will be, from its parameters alone: about how many lines its log will have.

Each call is a line when it is sent and another when it is answered, and a third when it takes effect unseen. What fails
is sent again, events come more than once, and a saga that fails goes all the way back, so the number of orders says
little. The lines are counted as they are expected, with the chances of the model; what is not in the chances (when
items sell out, how long orders queue for a row) is counted rather too high.
"""

from __future__ import annotations

from math import erf, log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.saga.choreography import MOST_EVENTS
from sandboxes.simulations.saga.params import Coordination, Isolation, Protocol, SagaParams
from sandboxes.simulations.saga.setup import NORMAL_P99, by_step, has_coordinator
from sandboxes.simulations.saga.world import CONFIRM, INVENTORY, PERSISTENT

Rates = NDArray[np.float64]


class Odds(NamedTuple):
    """What to expect of a step's calls one way, until it is done or given up. Shapes (steps,)."""

    calls: Rates
    given_up: Rates  # chance that it is
    most: NDArray[np.int64]  # retries


def requests(params: SagaParams) -> int:
    """About how many lines the log of a run will have."""
    forward, back = _forward(params), _back(params) if params.protocol is Protocol.SAGA else _second_phase(params)
    if params.protocol is Protocol.SAGA:
        per_order = _of_a_saga(params, forward, back)
    else:
        per_order = _of_two_phases(params, forward, back)
    resumed = params.crashes * _under_way(params, forward, back) if has_coordinator(params) else 0.0
    again = 3.0 if params.protocol is Protocol.SAGA else 3.0 * params.steps
    return round(params.orders * per_order + resumed * again)


def _of_a_saga(params: SagaParams, forward: Odds, back: Odds) -> float:
    """Lines per order: forward while steps succeed, back from each that does not."""
    per_call = 2 + _unseen(params)
    events = params.coordination is Coordination.CHOREOGRAPHY
    copies = params.event_duplicate_percent / 100 if events else 0.0
    reaches, returns, lines = 1.0, np.zeros(params.steps), 2.0
    for step in range(params.steps):
        reaches += copies * min(reaches, MOST_EVENTS)
        lines += _calls(forward, step, reaches) * per_call[step] + 2 * events * reaches
        returns[step] = reaches * forward.given_up[step]
        reaches -= returns[step]
    lines += float(returns.sum())  # each decides to turn back
    turned = 0.0
    for step in reversed(range(params.steps)):
        # A step of unknown outcome is undone too, so that the way back begins at the step itself.
        turned += returns[step]
        turned += copies * min(turned, MOST_EVENTS)
        lines += _calls(back, step, turned) * per_call[step] + 2 * events * turned
        turned *= 1 - back.given_up[step]
    return lines


def _calls(odds: Odds, step: int, reaches: float) -> float:
    """Calls of a step that is reached so often; its retries are shared by all that reach it in one order."""
    return float(reaches + min(reaches * (odds.calls[step] - 1), odds.most[step]))


def _of_two_phases(params: SagaParams, forward: Odds, back: Odds) -> float:
    """Lines per order: everyone is asked and everyone is told. One may wait for its row, and in vain."""
    per_call = 2 + _unseen(params)
    waits = 2 if params.protocol is Protocol.TWO_PHASE_COMMIT else 0
    return 3 + waits + float(((forward.calls + back.calls) * per_call).sum())


def _forward(params: SagaParams) -> Odds:
    refused, failing = _rates(params, "permanent_failure_percent"), _rates(params, "transient_failure_percent")
    most = np.full(params.steps, params.retry_max_attempts)
    if params.protocol is Protocol.SAGA:
        asked_until_known = _without_answer(params) > 0
        asked_until_known[:-1] = False
        if params.isolation is Isolation.PIVOT_ORDERING:
            asked_until_known[CONFIRM] = _without_answer(params)[CONFIRM] > 0
            failing[CONFIRM + 1 :] += refused[CONFIRM + 1 :]
            refused[CONFIRM + 1 :] = 0
            asked_until_known[CONFIRM + 1 :] = True
        most[asked_until_known] = PERSISTENT
    odds = _odds(refused, failing, _without_answer(params), most)
    short = max(0.0, 1 - params.items * params.stock_per_item / params.orders)
    odds.given_up[INVENTORY] = 1 - (1 - odds.given_up[INVENTORY]) * (1 - short)
    return odds


def _second_phase(params: SagaParams) -> Odds:
    """Of whatever needs more calls: committing, or aborting. Locks that time out may make nearly every order abort."""
    failing, nothing = _rates(params, "transient_failure_percent"), np.zeros(params.steps)
    finish = _odds(nothing, failing, _without_answer(params), np.full(params.steps, PERSISTENT))
    back = _back(params)
    return Odds(np.maximum(finish.calls, back.calls), np.maximum(finish.given_up, back.given_up), back.most)


def _back(params: SagaParams) -> Odds:
    """Of undoing."""
    saga = params.protocol is Protocol.SAGA
    refused = np.full(params.steps, params.compensation_refused_percent / 100 if saga else 0.0)
    failing = np.full(params.steps, params.compensation_failure_percent / 100)
    most = np.full(params.steps, params.compensation_max_attempts if saga else PERSISTENT)
    return _odds(refused, failing, _without_answer(params), most)


def _odds(refused: Rates, failing: Rates, without_answer: Rates, most: NDArray[np.int64]) -> Odds:
    """Rates are shares of calls, drawn as the model draws: refused first. `most` retries are made."""
    refused = np.minimum(refused, 1.0)
    trouble = np.minimum(failing + without_answer, 1.0 - refused)
    calls = np.array(
        [float((rate ** np.arange(retries + 1)).sum()) for rate, retries in zip(trouble, most, strict=True)]
    )
    return Odds(calls, np.minimum(1.0, refused * calls + trouble ** (most + 1)), most)


def _without_answer(params: SagaParams) -> Rates:
    """Share of a step's calls whose answer never comes, or comes too late."""
    return np.minimum(1.0, _rates(params, "timeout_percent") + _late(params))


def _unseen(params: SagaParams) -> Rates:
    """Share of a step's calls that take effect when nobody listens any more."""
    done = _rates(params, "timeout_percent") * params.timeout_effect_percent / 100
    return np.minimum(1.0, done + _late(params))


def _late(params: SagaParams) -> Rates:
    sigma = log(params.p99_to_median) / NORMAL_P99
    median_s = by_step(params, "median_latency_ms")[: params.steps] / 1000
    if sigma == 0:
        return np.asarray(median_s > params.step_timeout_s, dtype=np.float64)
    sigmas = [log(params.step_timeout_s / median) / sigma for median in median_s.tolist()]
    return np.array([(1 - erf(above / sqrt(2))) / 2 for above in sigmas])


def _rates(params: SagaParams, name: str) -> Rates:
    return by_step(params, name)[: params.steps] / 100


def _under_way(params: SagaParams, forward: Odds, back: Odds) -> float:
    """About how many orders a crash meets: each lasts as long as its calls and the waits between them."""
    waits_s = params.retry_interval_s * params.retry_backoff_rate ** np.arange(params.retry_max_attempts)
    call_s = np.minimum(params.step_timeout_s, 2 * by_step(params, "median_latency_ms")[: params.steps] / 1000)
    calls = forward.calls + back.calls
    lasts_s = float((calls * call_s + (calls - 2) * (waits_s.mean() if waits_s.size else 0.0)).sum())
    return min(float(params.orders), params.arrival_rate_per_s * lasts_s)
