"""What just happened in a run, in a few plain sentences. Every number must be what the words around it say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sandboxes.simulations.circuit_breaker.breaker import CLOSED, OPEN
from sandboxes.simulations.circuit_breaker.measures import (
    count,
    failed_calls,
    is_shared,
    openings_s,
    recovery_s,
    substituted,
    time_to_recover_s,
    times_opened,
    trouble_of,
    wasted_caller_s,
)
from sandboxes.simulations.circuit_breaker.model import CircuitBreakerResult, Stretch
from sandboxes.simulations.circuit_breaker.params import Capacity, Fallback, Kind, Pool, Retries
from sandboxes.simulations.circuit_breaker.start import Phase
from sandboxes.simulations.circuit_breaker.world import FAILED, NO_THREAD, REFUSED, SLOW, SUCCEEDED
from sandboxes.simulations.quantities import duration


def explain(result: CircuitBreakerResult) -> str:
    """A few plain sentences on what just happened, computed from the run."""
    if not result.outcome.size:
        return "No request came in the whole run."
    return " ".join([_of_the_breaker(result), *_of_the_rest(result)])


def _of_the_breaker(result: CircuitBreakerResult) -> str:
    if result.params.kind is Kind.NONE:
        return _without_a_breaker(result)
    if len(result.breakers) > 1:
        return _several(result)
    openings = times_opened(result)
    if openings == 0:
        return _never_opened(result)
    trouble = trouble_of(result)
    if trouble is None:
        return _opened_for_nothing(result, openings)
    if openings > 1:
        return _opened_often(result, trouble)
    return " ".join((_opening(result, trouble), _refusing(result), _ending(result)))


def _of_the_rest(result: CircuitBreakerResult) -> Iterator[str]:
    """A sentence on each thing that the run had besides."""
    params, requests = result.params, result.outcome.size
    if params.pool is Pool.LIMITED:
        lacking = count(result, NO_THREAD)
        found = "Every request to the dependency found a thread."
        yield f"{_requests(lacking).capitalize()} to the dependency found no thread." if lacking else found
    if theirs := result.neighbour_outcome.size:
        good = int(np.count_nonzero(result.neighbour_outcome == SUCCEEDED))
        late = int(np.count_nonzero(result.neighbour_outcome == FAILED))
        given_up = f", and {late:,} gave up on it after {_long(params.call_timeout_s)}" if late else ""
        yield f"The neighbour was well throughout: {good:,} of {_requests(theirs)} had its answer{given_up}."
    if params.retries is not Retries.NONE:
        yield f"{_requests(requests).capitalize()} made {_calls(int(result.calls.sum()))}."
    if result.levels is not None and params.dependency_capacity is Capacity.LIMITED:
        queued = int(result.levels.queued[-1])
        yield (
            f"The dependency worked on {_calls(result.calls_in_vain)} whose callers had given up, and at the end "
            f"{_calls(queued)} stood in its queue."
        )
    if params.fallback is not Fallback.NONE:
        yield f"{_requests(substituted(result)).capitalize()} got a substitute answer."
    if is_shared(result):
        yield f"{_counted(result.lost_updates, 'update').capitalize()} of the shared state got lost."


def _is_plain(result: CircuitBreakerResult) -> bool:
    """Whether each request is one call that begins when it comes."""
    params = result.params
    return params.pool is Pool.UNLIMITED and params.retries is Retries.NONE and not is_shared(result)


def _several(result: CircuitBreakerResult) -> str:
    """Of breakers that learn each for itself."""
    breakers, refused = len(result.breakers), count(result, REFUSED)
    opened_s = sorted(first for stretches in result.breakers if (first := _first_opened_s(stretches)) is not None)
    failed = f"{_calls(failed_calls(result)).capitalize()} failed"
    if not opened_s:
        return f"None of the {breakers} breakers ever opened. {failed}."
    if len(opened_s) == 1:
        told = f"One of the {breakers} breakers opened, {_long(opened_s[0])} into the run."
    else:
        which = f"All {breakers}" if len(opened_s) == breakers else f"{len(opened_s)} of the {breakers}"
        told = (
            f"{which} breakers opened, each by what it saw itself: the first of them {_long(opened_s[0])} into the "
            f"run, the last {_long(opened_s[-1])}."
        )
    return f"{told} {failed}, and {_requests(refused)} {'was' if refused == 1 else 'were'} refused."


def _first_opened_s(stretches: tuple[Stretch, ...]) -> float | None:
    return next((stretch.start_s for stretch in stretches if stretch.state == OPEN), None)


def _refused_while_well(result: CircuitBreakerResult, trouble: Phase) -> int:
    well = (result.arrival_s < trouble.start_s) | (result.arrival_s >= trouble.end_s)
    return int(np.count_nonzero(well & (result.outcome == REFUSED)))


def _without_a_breaker(result: CircuitBreakerResult) -> str:
    failed, wasted_s = failed_calls(result), wasted_caller_s(result)
    if not failed:
        return "Nothing stood between the callers and the dependency, and nothing was needed: every call was answered."
    waited = f"its caller waited {_long(wasted_s)}"
    if failed > 1:
        waited = f"their callers waited {_long(wasted_s)} in all, {_long(wasted_s / failed)} each on average"
    return f"Nothing stood between the callers and the dependency. {_calls(failed)} failed, and {waited}."


def _never_opened(result: CircuitBreakerResult) -> str:
    failed, refused = failed_calls(result), count(result, REFUSED)
    if refused:
        # Without a breaker that is open, only a store that is gone refuses.
        calls = int(result.calls.sum())
        ended = f"{failed:,} of {_calls(calls)} failed." if calls else "No call was made."
        return (
            f"The breaker never opened, but {_requests(refused)} {'was' if refused == 1 else 'were'} refused while the "
            f"store of its state was gone. {ended}"
        )
    if not failed:
        return "The breaker stayed closed and had no reason to open: every call was answered."
    if trouble_of(result) is None:
        made = _calls(int(result.calls.sum()))
        return f"The breaker stayed closed throughout. {failed:,} of {made} failed, too few at a time to open it."
    return (
        "The breaker never opened: what it saw was not enough to open it. "
        f"{_calls(failed)} failed and cost {'its caller' if failed == 1 else 'callers'} "
        f"{_long(wasted_caller_s(result))} of waiting."
    )


def _opened_for_nothing(result: CircuitBreakerResult, openings: int) -> str:
    failed = failed_calls(result)
    return (
        f"The dependency was well throughout, and yet the breaker opened {_times(openings)}. It refused "
        f"{_requests(count(result, REFUSED))}, while {f'{failed:,}' if failed else 'none'} of the calls it let "
        "through failed."
    )


def _opened_often(result: CircuitBreakerResult, trouble: Phase) -> str:
    opened_s = openings_s(result)
    before = sum(at_s < trouble.start_s for at_s in opened_s)
    after = sum(at_s >= trouble.end_s for at_s in opened_s)
    during = len(opened_s) - before - after
    # A stale write may close a shared breaker too.
    if during > 1 and not is_shared(result):
        told = (
            f"The breaker flapped: it opened {_times(during)} in {_long(trouble.end_s - trouble.start_s)} of trouble, "
            "closing in between on trials that went well enough."
        )
        elsewhere = _places(before, 0, after)
        told += f" It also opened {_listed(elsewhere)}." if elsewhere else ""
    elif max(before, after) == len(opened_s):
        where = "before the trouble began" if before else "after the dependency had recovered"
        told = f"The breaker opened {_times(len(opened_s))}, each time {where}."
    else:
        told = f"The breaker opened {_times(len(opened_s))}: {_listed(_places(before, during, after))}."
    refused = count(result, REFUSED)
    well = _while_well(refused, _refused_while_well(result, trouble))
    return f"{told} It refused {_requests(refused)}{well}. {_calls(failed_calls(result)).capitalize()} failed."


def _places(before: int, during: int, after: int) -> list[str]:
    places = (
        (before, "before the trouble began"),
        (during, "during the trouble"),
        (after, "after the dependency had recovered"),
    )
    return [f"{_times(number)} {where}" for number, where in places if number]


def _opening(result: CircuitBreakerResult, trouble: Phase) -> str:
    opened_s = openings_s(result)[0]
    if opened_s < trouble.start_s:
        return f"The breaker opened {_long(trouble.start_s - opened_s)} before the trouble began."
    late = ", when the dependency had already recovered" if opened_s >= trouble.end_s else ""
    seen = _seen_by(result, trouble.start_s, opened_s)
    return f"The breaker opened {_long(opened_s - trouble.start_s)} after the trouble began{late}.{seen}"


def _seen_by(result: CircuitBreakerResult, from_s: float, until_s: float) -> str:
    """What callers knew at `until_s`: a call that is still waiting may yet succeed or fail."""
    if not _is_plain(result):
        return ""
    called = result.outcome != REFUSED
    ended_s = result.arrival_s + result.latency_s
    ended = called & (ended_s >= from_s) & (ended_s <= until_s)
    failed = int(np.count_nonzero(ended & (result.outcome == FAILED)))
    slow = int(np.count_nonzero(ended & (result.outcome == SLOW)))
    waiting = int(np.count_nonzero(called & (result.arrival_s <= until_s) & (ended_s > until_s)))
    parts = [f"{_calls(failed)} had failed"]
    parts += [f"{slow:,} had been slow"] if slow else []
    parts += [f"{waiting:,} {'was' if waiting == 1 else 'were'} still waiting"] if waiting else []
    return f" By then {_listed(parts)}."


def _refusing(result: CircuitBreakerResult) -> str:
    refused, trouble = count(result, REFUSED), trouble_of(result)
    if not refused or trouble is None:
        return "It had no request to refuse."
    well = _refused_while_well(result, trouble)
    at_once = " at once" if _is_plain(result) else ""
    if 2 * well > refused or not _is_plain(result):
        return f"It then refused {_requests(refused)}{at_once}{_while_well(refused, well)}."
    each = ", which" if refused == 1 else "; each"
    told = (
        f"It then refused {_requests(refused)} at once{each} could have waited up to "
        f"{_long(result.params.call_timeout_s)}."
    )
    price = f" {well:,} of them came when the dependency was well: the price of not asking it all the time."
    return told + price if well else told


def _while_well(refused: int, well: int) -> str:
    if not well:
        return ""
    of_them = "" if refused == 1 else " all of them" if well == refused else f" {well:,} of them"
    return f",{of_them} while the dependency was well"


def _ending(result: CircuitBreakerResult) -> str:
    recovered_s = time_to_recover_s(result)
    if recovered_s == 0:
        return "It had closed again before the dependency recovered."
    if recovered_s is not None:
        return f"It closed {_long(recovered_s)} after the dependency recovered."
    if recovery_s(result) is not None:
        return "It was not yet closed again when the run ended, although the dependency had recovered."
    if result.stretches[-1].state == CLOSED:
        return "It had closed again when the run ended, although the dependency had not recovered."
    return "The dependency had not recovered when the run ended."


def _listed(parts: list[str]) -> str:
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)


def _calls(number: int) -> str:
    return _counted(number, "call")


def _requests(number: int) -> str:
    return _counted(number, "request")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s" if number else f"no {noun}s"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def _long(seconds: float) -> str:
    return " ".join(duration(seconds))
