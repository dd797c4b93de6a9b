"""One order step by step: each call and answer, and the compensations running backwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from sandboxes.simulations.quantities import duration
from sandboxes.simulations.replays import MOST_FRAMES, Frame, Part, Replay
from sandboxes.simulations.saga.history import order_looked_at
from sandboxes.simulations.saga.model import SagaResult
from sandboxes.simulations.saga.params import Isolation, Protocol, SagaParams
from sandboxes.simulations.saga.picture import pictures
from sandboxes.simulations.saga.setup import has_coordinator
from sandboxes.simulations.saga.story import ENDS, Line, call_name, lines
from sandboxes.simulations.saga.world import (
    BACK,
    BLOCKED,
    COMMITTED,
    CONFIRM,
    CRASHED,
    DECIDED,
    DONE,
    EMPTY,
    ENDED,
    FAILED,
    FINISH,
    FORWARD,
    INVENTORY,
    LOCK_TIMED_OUT,
    PAYMENT,
    REFUSED,
    REPEATED,
    RESUMED,
    SENT,
    SOLD_OUT,
    STARTED,
    UNKNOWN,
    WAITS,
)

KEYS = (STARTED, DECIDED, ENDED, CRASHED, RESUMED)
FORWARD_LOOKS = {
    SENT: ("half", "asked"),
    DONE: ("closed", "done"),
    REPEATED: ("closed", "done"),
    FAILED: ("slow", "failed"),
    UNKNOWN: ("slow", "no answer"),
    REFUSED: ("open", "refused"),
    SOLD_OUT: ("open", "sold out"),
    BLOCKED: ("open", "barred"),
    LOCK_TIMED_OUT: ("open", "no lock"),
    WAITS: ("half", "waits for row"),
}
BACK_LOOKS = {
    **FORWARD_LOOKS,
    DONE: ("closed", "undone"),
    REPEATED: ("closed", "undone"),
    EMPTY: ("closed", "nothing to undo"),
    REFUSED: ("open", "impossible"),
}


@dataclass
class Scene:
    """How things stand for the order: what each box shows, and what the services have done."""

    params: SagaParams
    boxes: dict[tuple[int, bool], tuple[str, str]] = field(default_factory=dict)
    up: bool = True
    ended: str = "to come"
    charged: int = 0
    refunded: int = 0
    held: int = 0
    unit: str = "no unit yet"

    def take(self, line: Line) -> None:
        """Let one line of the log happen."""
        if line.kind == STARTED:
            self.ended = "under way"
        elif line.kind in (CRASHED, RESUMED):
            self.up = line.kind == RESUMED
            if "forgets" in line.label:
                self.ended = "forgotten"
        elif line.kind == ENDED:
            self.ended = line.label
            if line.label == ENDS[COMMITTED] and self.unit == "unit kept aside":
                self.unit = "unit sold"
        elif line.step >= 0 and line.kind in BACK_LOOKS:
            self._answer(line)

    def _answer(self, line: Line) -> None:
        back = line.direction != FORWARD
        state, words = (BACK_LOOKS if line.direction == BACK else FORWARD_LOOKS)[line.kind]
        before = self.boxes.get((line.step, back), ("off", ""))[1]
        if line.lost and line.kind in (DONE, REPEATED):
            state, words = "slow", f"{words}, unheard"
        elif line.kind == UNKNOWN and before.endswith("unheard"):
            state, words = "slow", before
        self.boxes[line.step, back] = (state, words)
        if line.kind == DONE:
            self._move(line.step, line.direction)

    def _move(self, step: int, direction: int) -> None:
        saga = self.params.protocol is Protocol.SAGA
        takes = CONFIRM if saga and self.params.isolation is not Isolation.SEMANTIC_LOCK else INVENTORY
        if step == PAYMENT:
            self.charged += direction == (FORWARD if saga else FINISH)
            self.refunded += saga and direction == BACK
            self.held += 0 if saga else {FORWARD: 1, BACK: -1, FINISH: -1}[direction]
        elif step == takes:
            kept = "unit taken" if takes == CONFIRM else "unit kept aside"
            self.unit = {FORWARD: kept, BACK: "unit given back", FINISH: "unit sold"}[direction]

    def parts(self, at_s: float | None) -> dict[str, Part]:
        """How every part of the pictures looks so long after the order came; None before that."""
        shown: dict[str, Part] = {}
        for step in range(self.params.steps):
            for back in (False, True):
                state, words = self.boxes.get((step, back), ("off", ""))
                shown[f"{'undo' if back else 'do'}-{step}"] = {"state": state}
                shown[f"{'undo' if back else 'do'}-words-{step}"] = {"text": words}
        tones = {ENDS[COMMITTED]: "closed", "rolled back": "half", "under way": "off", "to come": "off"}
        money = f"charged {self.charged} ×, paid back {self.refunded} ×"
        if self.params.protocol is not Protocol.SAGA:
            money = f"frozen {self.held} ×, charged {self.charged} ×"
        shown |= {
            "order": {"state": tones.get(self.ended, "open")},
            "order-words": {"text": self.ended},
            "time": {"text": "not there yet" if at_s is None else f"{at_s:.3f} s after it came"},
            "money": {"text": money},
            "unit": {"text": self.unit},
        }
        if has_coordinator(self.params):
            shown["coordinator"] = {"state": "closed" if self.up else "open"}
            shown["coordinator-words"] = {"text": "up" if self.up else "down"}
        return shown


def replay(result: SagaResult) -> Replay:
    """The order looked at, a frame for each moment at which something happened to it."""
    order = order_looked_at(result)
    since_s = float(result.orders["arrival_s"][order])
    moments = [(at_s, list(told)) for at_s, told in groupby(lines(result), key=lambda line: round(line.at_s, 6))]
    shown, left_out = moments[: MOST_FRAMES - 2], len(moments) - (MOST_FRAMES - 2)
    frames = tuple(_frames(result, shown, order))
    cut = f" {left_out:,} more are left out." if left_out > 0 else ""
    return Replay(
        pictures(result.params),
        frames,
        f"{len(frames)} moments of order {order + 1:,}, which came at {since_s:.2f} s.{cut}",
    )


def _frames(result: SagaResult, moments: list[tuple[float, list[Line]]], order: int) -> Iterator[Frame]:
    """The run's begin, the moments of the order, and the run's end."""
    params, since_s = result.params, float(result.orders["arrival_s"][order])
    scene = Scene(params)
    yield Frame(0, f"The run begins. Order {order + 1:,} comes {_long(since_s)} later.", scene.parts(None), key=True)
    for at_s, told in moments:
        for line in told:
            scene.take(line)
        key = any(line.kind in KEYS for line in told)
        if at_s < round(result.duration_s, 6):
            yield Frame(at_s, _said(params, told), scene.parts(at_s - since_s), key)
    last = _said(params, moments[-1][1]) if moments[-1][0] >= round(result.duration_s, 6) else ""
    end = f"{last} The run ends; nothing moves any more.".strip()
    yield Frame(result.duration_s, end, scene.parts(result.duration_s - since_s), key=True)


def _said(params: SagaParams, told: list[Line]) -> str:
    """What happened at one moment; calls to everyone at once in one sentence."""
    calls = [line for line in told if line.kind == SENT]
    if len(calls) < 3:
        return " ".join(line.said for line in told)
    names = {call_name(params, line.direction, line.step) for line in calls}
    others = [line.said for line in told if line.kind != SENT]
    whom = "all" if len(calls) == params.steps else f"{len(calls)} services"
    return " ".join([*others, f"The coordinator sends {' and '.join(sorted(names))} to {whom}."])


def _long(seconds: float) -> str:
    return " ".join(duration(seconds))
