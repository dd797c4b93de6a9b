"""The colours and the one template of every picture.

A figure holds the light colours. The page exchanges each for the theme's own by looking for exactly these strings,
so a figure must contain no other colour, and the light ones must all differ.
"""

from __future__ import annotations

from typing import Any

# name: (in the light theme, in the dark theme)
PALETTE = {
    "paper": ("#faf8f4", "#14161a"),
    "card": ("#ffffff", "#1b1e24"),
    "ink": ("#1c1f26", "#e9e6df"),
    "soft": ("#5d6470", "#a3a8b3"),
    "line": ("#e5e0d6", "#2c3038"),
    "accent": ("#1f5fbf", "#7db0ff"),
    "closed": ("#0f7b6c", "#3ecfb8"),
    "open": ("#c2410c", "#ff8a5c"),
    "half": ("#a16207", "#f2c14e"),
    "slow": ("#7c5cbf", "#b9a0ff"),
    "refused": ("#938f86", "#6e747f"),
}
CLEAR = "rgba(0,0,0,0)"


def light(name: str) -> str:
    """The colour a figure is drawn in. Raises KeyError for a name that is not in the palette."""
    return PALETTE[name][0]


def layout(duration_s: float, **changes: Any) -> dict[str, Any]:
    """A layout in the house's look over 0 to `duration_s`; charts with the same margins share their time axis."""
    return {"template": TEMPLATE, "xaxis": {"range": [0, duration_s], "ticksuffix": " s"}, **changes}


def figure(traces: list[dict[str, Any]], shape: dict[str, Any]) -> dict[str, Any]:
    """A figure as Plotly's JSON. plotly.py would copy and check every value, at twice the cost of the run; tests do."""
    return {"data": traces, "layout": shape}


TEMPLATE: dict[str, Any] = {
    "layout": {
        "font": {"family": "Instrument Sans, system-ui, sans-serif", "size": 12.5, "color": light("soft")},
        # The right margin has room for half of the last label: hiding those that would not fit means measuring each.
        "margin": {"l": 52, "r": 24, "t": 8, "b": 28},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "showlegend": False,
        "hovermode": "x unified",
        "hoverlabel": {
            "bgcolor": light("card"),
            "bordercolor": light("line"),
            "font": {"color": light("ink"), "size": 12.5},
        },
        "xaxis": {"ticklabeloverflow": "allow", "showgrid": False, "zeroline": False, "hoverformat": ".4~g"},
        "yaxis": {
            "ticklabeloverflow": "allow",
            "gridcolor": light("line"),
            "zeroline": False,
            "nticks": 5,
            "fixedrange": True,
        },
    }
}
