"""An order drawn: a row for each step, what was asked and done on the left of it, what was undone on the right."""

from __future__ import annotations

from sandboxes.simulations.saga.params import Protocol, SagaParams
from sandboxes.simulations.saga.setup import has_coordinator
from sandboxes.simulations.saga.world import SERVICES

WIDTH = 360
ROW, TOP = 36, 34
DO_X, UNDO_X, BOX = 92, 230, 128
HEADS = {
    Protocol.SAGA: ("T: done, downwards", "C: undone, upwards"),
    Protocol.TWO_PHASE_COMMIT: ("prepare", "commit or abort"),
    Protocol.TCC: ("try", "confirm or cancel"),
}


def pictures(params: SagaParams) -> tuple[str, ...]:
    """The order's steps, and how things stand for it."""
    return _steps(params), _standing(params)


def _steps(params: SagaParams) -> str:
    do, undo = HEADS[params.protocol]
    rows = "".join(_row(step, TOP + ROW * step) for step in range(params.steps))
    height = TOP + ROW * params.steps
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="The steps of the order">'
        f'<text class="r-small" x="{DO_X + BOX / 2}" y="16" text-anchor="middle">{do}</text>'
        f'<text class="r-small" x="{UNDO_X + BOX / 2}" y="16" text-anchor="middle">{undo}</text>{rows}</svg>'
    )


def _row(step: int, y: int) -> str:
    middle = y + 18
    return (
        f'<text class="r-strong" x="0" y="{middle}">{step + 1} {SERVICES[step]}</text>'
        + _box(f"do-{step}", f"do-words-{step}", DO_X, y, BOX)
        + _box(f"undo-{step}", f"undo-words-{step}", UNDO_X, y, BOX)
    )


def _box(part: str, words: str, x: float, y: float, width: float) -> str:
    return (
        f'<g data-part="{part}" data-state="off">'
        f'<rect class="r-box" x="{x}" y="{y}" width="{width}" height="27" rx="6"/>'
        f'<text data-part="{words}" x="{x + width / 2}" y="{y + 18}" text-anchor="middle"></text></g>'
    )


def _standing(params: SagaParams) -> str:
    coordinator = ""
    if has_coordinator(params):
        coordinator = '<text x="0" y="88">coordinator</text>' + _box("coordinator", "coordinator-words", 92, 70, 128)
    return (
        f'<svg viewBox="0 0 {WIDTH} 178" role="img" aria-label="How things stand for the order">'
        '<text data-part="time" class="r-small" x="0" y="16"></text>'
        f'<text class="r-strong" x="0" y="52">order</text>{_box("order", "order-words", 92, 34, 128)}{coordinator}'
        '<text class="r-small" x="0" y="124">money</text><text data-part="money" x="92" y="124"></text>'
        '<text class="r-small" x="0" y="152">stock</text><text data-part="unit" x="92" y="152"></text></svg>'
    )
