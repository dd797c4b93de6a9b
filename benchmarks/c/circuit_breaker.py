"""`play` of the circuit breaker in C: compiled by the machine's own compiler, called on the kernel's own arrays."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
from numpy.typing import NDArray

from sandboxes.simulations.circuit_breaker.breaker import Rules

SOURCE = Path(__file__).with_suffix(".c")
# No fused multiplication and addition: the sums must be the kernel's bit for bit, on every processor.
FLAGS = ("-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")

Play = Callable[
    [Rules, NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], float],
    tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]],
]


class CRules(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_double if kind is float else ctypes.c_int64) for name, kind in get_type_hints(Rules).items()
    ]


class CChanges(ctypes.Structure):
    _fields_ = [
        ("at_s", ctypes.POINTER(ctypes.c_double)),
        ("state", ctypes.POINTER(ctypes.c_int64)),
        ("size", ctypes.c_int64),
        ("room", ctypes.c_int64),
    ]


def compiler() -> str | None:
    """The path of a C compiler; None if this machine has none."""
    return shutil.which("gcc") or shutil.which("cc")


def compiled(with_compiler: str, folder: Path) -> Play:
    """The loop in C with the signature of `model.play`; its library is written into `folder`."""
    library = folder / "circuit_breaker.so"
    subprocess.run([with_compiler, *FLAGS, "-o", str(library), str(SOURCE), "-lm"], check=True)
    loaded = ctypes.CDLL(str(library))

    def play(
        rules: Rules,
        arrival_s: NDArray[np.float64],
        duration_s: NDArray[np.float64],
        failed: NDArray[np.bool_],
        end_s: float,
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]]:
        permitted, changes = np.zeros(arrival_s.size, np.bool_), CChanges()
        loaded.play(
            ctypes.byref(CRules(*rules)),
            *(_pointer(array) for array in (arrival_s, duration_s, failed)),
            ctypes.c_int64(arrival_s.size),
            ctypes.c_double(end_s),
            _pointer(permitted),
            ctypes.byref(changes),
        )
        change_s = np.ctypeslib.as_array(changes.at_s, (changes.size,)).copy()
        change_state = np.ctypeslib.as_array(changes.state, (changes.size,)).copy()
        loaded.forget_changes(ctypes.byref(changes))
        return permitted, change_s, change_state

    return play


def _pointer(array: NDArray[Any]) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)
