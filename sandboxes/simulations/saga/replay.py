"""One order step by step: each call and answer, and the compensations running backwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from sandboxes.simulations.replays import MOST_FRAMES, Frame, Part, Replay
from sandboxes.simulations.saga.history import order_looked_at
from sandboxes.simulations.saga.model import SagaResult, has_coordinator
from sandboxes.simulations.saga.params import Isolation, Protocol, SagaParams
from sandboxes.simulations.saga.picture import pictures
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
    ended: str = "under way"
    charged: int = 0
    refunded: int = 0
    held: int = 0
    unit: str = "no unit yet"

    def take(self, line: Line) -> None:
        """Let one line of the log happen."""
        if line.kind in (CRASHED, RESUMED):
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

    def parts(self, at_s: float) -> dict[str, Part]:
        """How every part of the pictures looks."""
        shown: dict[str, Part] = {}
        for step in range(self.params.steps):
            for back in (False, True):
                state, words = self.boxes.get((step, back), ("off", ""))
                shown[f"{'undo' if back else 'do'}-{step}"] = {"state": state}
                shown[f"{'undo' if back else 'do'}-words-{step}"] = {"text": words}
        tones = {ENDS[COMMITTED]: "closed", "rolled back": "half", "under way": "off"}
        money = f"charged {self.charged} ×, paid back {self.refunded} ×"
        if self.params.protocol is not Protocol.SAGA:
            money = f"frozen {self.held} ×, charged {self.charged} ×"
        shown |= {
            "order": {"state": tones.get(self.ended, "open")},
            "order-words": {"text": self.ended},
            "time": {"text": f"{at_s:.3f} s after it came"},
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
    frames = tuple(_frames(result.params, moments[:MOST_FRAMES], since_s))
    cut = f" {len(moments) - MOST_FRAMES:,} more are left out." if len(moments) > MOST_FRAMES else ""
    return Replay(
        pictures(result.params),
        frames,
        f"{len(frames)} moments of order {order + 1:,}, which came at {since_s:.2f} s.{cut}",
    )


def _frames(params: SagaParams, moments: list[tuple[float, list[Line]]], since_s: float) -> Iterator[Frame]:
    scene = Scene(params)
    for at_s, told in moments:
        for line in told:
            scene.take(line)
        key = any(line.kind in KEYS for line in told)
        yield Frame(at_s, _said(params, told), scene.parts(at_s - since_s), key)


def _said(params: SagaParams, told: list[Line]) -> str:
    """What happened at one moment; calls to everyone at once in one sentence."""
    calls = [line for line in told if line.kind == SENT]
    if len(calls) < 3:
        return " ".join(line.said for line in told)
    names = {call_name(params, line.direction, line.step) for line in calls}
    others = [line.said for line in told if line.kind != SENT]
    whom = "all" if len(calls) == params.steps else f"{len(calls)} services"
    return " ".join([*others, f"The coordinator sends {' and '.join(sorted(names))} to {whom}."])
