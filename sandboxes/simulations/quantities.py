"""How quantities are said, the same in sentences and in figures."""

from __future__ import annotations

MINUTES_FROM_S = 119.95
HOURS_FROM_S = 7200


def duration(seconds: float) -> tuple[str, str]:
    """A length of time as (number, unit) to two or three figures: ("118", "ms"), ("2.28", "s"), ("15.9", "min")."""
    if seconds == 0:
        return "0", "s"
    if seconds < 0.0005:
        return "< 1", "ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}", "ms"
    if seconds < 9.995:
        return _trimmed(f"{seconds:.2f}"), "s"
    if seconds < MINUTES_FROM_S:
        return _trimmed(f"{seconds:.1f}"), "s"
    if seconds < HOURS_FROM_S:
        return _trimmed(f"{seconds / 60:.1f}"), "min"
    return _trimmed(f"{seconds / 3600:,.1f}"), "h"


def _trimmed(number: str) -> str:
    """2.30 as 2.3 and 2.00 as 2."""
    return number.rstrip("0").rstrip(".")
