"""How long orders took, as a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.palette import figure, layout, light
from sandboxes.simulations.saga.measures import durations_s
from sandboxes.simulations.saga.model import SagaResult
from sandboxes.simulations.saga.params import SagaParams
from sandboxes.simulations.spec import Chart, Curve, Curves, Overlay

POINTS = 121


def durations_chart(result: SagaResult) -> Chart:
    """The share of the orders that ended which lasted longer than each time, on a logarithmic scale."""
    at_s = np.linspace(0, longest_shown_s(result.params), POINTS)
    left = lasting(result, at_s)
    traces = [_duration_line(at_s, left, "solid", "ended orders that took longer", "accent")]
    return Chart(
        name="durations",
        title="How long orders took",
        note="share of the orders that ended, which took longer; logarithmic",
        figure=figure(traces, layout(float(at_s[-1]), xaxis=_duration_axis(at_s), yaxis=SHARES)),
        columns=("Longer than (s)", "Orders that ended (%)"),
        rows=tuple(zip(at_s.tolist(), left, strict=True)),
        keys=(("took longer", "accent"),),
        height_px=220,
        curves=lambda: Curves(
            x=tuple(at_s.tolist()),
            lines=(Curve("took longer", "accent", tuple(left)),),
            note="share of the orders that ended, which took longer",
            yaxis=SHARES,
            xaxis={"ticksuffix": " s "},
            x_column="Longer than (s)",
        ),
        overlay=lambda: Overlay(
            (_duration_line(at_s, left, "6px,3px", "took longer in the baseline", "soft"),),
            layout={"xaxis": {"range": [0, float(at_s[-1])]}},
            keys=(("took longer in the baseline", "soft"),),
        ),
    )


SHARES = {
    "type": "log",
    "range": [-1.3, 2.05],
    "tickvals": [0.1, 1, 10, 100],
    "ticktext": ["0.1 %", "1 %", "10 %", "100 %"],
}


def lasting(result: SagaResult, at_s: NDArray[np.float64]) -> list[float | None]:
    """Percent of the orders that ended which lasted longer than each time; None for none."""
    lasted_s = np.sort(durations_s(result))
    if not lasted_s.size:
        return [None] * at_s.size
    left = 100 * (1 - np.searchsorted(lasted_s, at_s, side="right") / lasted_s.size)
    return [float(share) if share > 0 else None for share in left]


def longest_shown_s(params: SagaParams) -> float:
    """A time most orders have ended by, from the parameters alone: every wait for a retry once, and some to spare."""
    waits_s = sum(
        params.retry_interval_s * params.retry_backoff_rate**retry for retry in range(min(params.retry_max_attempts, 4))
    )
    down_s = params.down_s if params.crashes else 0
    return float(min(600, 1.3 * waits_s + params.steps * params.median_latency_ms / 1000 * 5 + down_s + 1))


def _duration_line(
    at_s: NDArray[np.float64], left: list[float | None], dash: str, name: str, colour: str
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": at_s.tolist(),
        "y": left,
        "name": name,
        "mode": "lines",
        "line": {"width": 2, "dash": dash, "color": light(colour)},
        "hovertemplate": f"%{{y:.3~g}} % {name}<extra></extra>",
    }


def _duration_axis(at_s: NDArray[np.float64]) -> dict[str, Any]:
    """Lengths of time, not moments: the blank after the unit keeps a replay's cursor away."""
    return {"range": [0, float(at_s[-1])], "ticksuffix": " s "}
