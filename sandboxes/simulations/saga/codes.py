"""Constants for compiled code."""

from __future__ import annotations

import numpy as np


def codes(count: int, first: int = 0) -> tuple[int, ...]:
    """So many whole numbers in a row, as constants for compiled code.

    It takes them for numbers like any other; for a plain one it would compile each function it is given to anew.
    """
    return tuple(np.int64(code) for code in range(first, first + count))  # type: ignore[misc]
