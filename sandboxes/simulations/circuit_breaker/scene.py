"""What is to be seen at one moment of a run: the breaker's memory, the traffic so far, the dependency's health."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.circuit_breaker.model import CircuitBreakerResult
from sandboxes.simulations.circuit_breaker.start import Phase


class Tally(NamedTuple):
    """Totals up to a moment, included: calls let through, refused, ended, ended badly; requests without a thread."""

    passed: int
    refused: int
    ended: int
    failed: int
    no_thread: int

    def since(self, before: Tally) -> Tally:
        return Tally(*(now - then for now, then in zip(self, before, strict=True)))


class Fill(NamedTuple):
    """How full things are at a moment, over all instances."""

    busy_threads: int
    in_line: int
    busy_servers: int
    queued: int


class Recording(NamedTuple):
    """What was to be seen at each of the moments, the last of which is the run's end."""

    at_s: NDArray[np.float64]  # (frames,)
    memory: NDArray[np.void]  # (frames,): records of BREAKER
    totals: tuple[Tally, ...]
    fill: tuple[Fill, ...]


@dataclass(frozen=True)
class Scene:
    """One moment. `came_from` is the state before the present one, None where there was none yet.

    `recent` is what happened since the scene before; `unseen` how many changes of state fell between the two, besides
    one at this very moment, which `changed` says.
    """

    at_s: float
    phase: Phase
    phase_begins: bool
    state: int
    came_from: int | None
    came_after_s: float
    since_s: float
    changed: bool
    unseen: int
    is_first: bool
    is_last: bool
    total: Tally
    recent: Tally
    fill: Fill
    permits: int
    streak: int
    size: int
    minimum: int
    by_seconds: bool
    head: int
    calls: int
    failed: int
    slow: int
    ring: NDArray[np.int64]

    @property
    def is_key(self) -> bool:
        return self.is_first or self.is_last or self.changed or self.phase_begins

    def percent(self, counted: int) -> float | None:
        """The share of the measured calls; None while there are too few to judge by."""
        if self.calls == 0 or self.calls < self.minimum:
            return None
        return counted * 100 / self.calls


def scenes(result: CircuitBreakerResult, recording: Recording) -> Iterator[Scene]:
    """The moments of a recording, in order."""
    change_s = np.array([stretch.start_s for stretch in result.stretches])
    change_state = [stretch.state for stretch in result.stretches]
    latest = np.searchsorted(change_s, recording.at_s, side="right") - 1
    tallies = recording.totals
    last = recording.at_s.size - 1
    for frame, at_s in enumerate(recording.at_s.tolist()):
        knew, change = recording.memory[frame], int(latest[frame])
        seen = int(latest[frame - 1]) if frame else 0
        changed = change > seen and float(change_s[change]) == at_s
        phase = next((phase for phase in result.phases if at_s < phase.end_s), result.phases[-1])
        yield Scene(
            at_s=at_s,
            phase=phase,
            phase_begins=phase.start_s == at_s,
            state=int(knew["state"]),
            came_from=change_state[change - 1] if change else None,
            came_after_s=float(change_s[change] - change_s[change - 1]) if change else 0.0,
            since_s=float(knew["since_s"]),
            changed=changed,
            unseen=change - seen - changed,
            is_first=frame == 0,
            is_last=frame == last,
            total=tallies[frame],
            recent=tallies[frame].since(tallies[frame - 1]) if frame else tallies[frame],
            fill=recording.fill[frame],
            permits=int(knew["permits"]),
            streak=int(knew["streak"]),
            size=int(knew["slots"]),
            minimum=int(knew["minimum"]),
            by_seconds=bool(knew["by_seconds"]),
            head=int(knew["head"]),
            calls=int(knew["calls"]),
            failed=int(knew["failed"]),
            slow=int(knew["slow"]),
            ring=knew["ring"][: knew["slots"]],
        )
