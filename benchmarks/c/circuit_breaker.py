"""`advance` of the circuit breaker in C: compiled by the machine's own compiler, called on the kernel's own arrays."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

from sandboxes.simulations.circuit_breaker.breaker import Rules
from sandboxes.simulations.circuit_breaker.world import Run

SOURCE = Path(__file__).with_suffix(".c")
# No fused multiplication and addition: the sums must be the kernel's bit for bit, on every processor.
FLAGS = ("-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")

Advance = Callable[[Rules, Run, float], bool]


class CRules(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_double if kind is float else ctypes.c_int64) for name, kind in get_type_hints(Rules).items()
    ]


class CRun(ctypes.Structure):
    _fields_ = [
        ("rules", ctypes.c_void_p),
        ("world", ctypes.c_void_p),
        ("requests", ctypes.c_void_p),
        ("breakers", ctypes.c_void_p),
        ("pools", ctypes.c_void_p),
        ("queue", ctypes.c_void_p),
        ("agenda", ctypes.c_void_p),
        ("agenda_size", ctypes.c_int64),
        ("changes", ctypes.c_void_p),
        ("changes_size", ctypes.c_int64),
        ("operations", ctypes.c_void_p),
        ("copies", ctypes.c_void_p),
    ]


def compiler() -> str | None:
    """The path of a C compiler; None if this machine has none."""
    return shutil.which("gcc") or shutil.which("cc")


def compiled(with_compiler: str, folder: Path) -> Advance:
    """The loop in C, on a run as `loop.advance` takes it; its library is written into `folder`."""
    library = folder / "circuit_breaker.so"
    subprocess.run([with_compiler, *FLAGS, "-o", str(library), str(SOURCE), "-lm"], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.advance.restype = ctypes.c_bool

    def advance(rules: Rules, run: Run, until_s: float) -> bool:
        own_rules = CRules(*rules)
        own = CRun(
            rules=ctypes.addressof(own_rules),
            agenda_size=run.agenda.size,
            changes_size=run.changes.size,
            world=run.world.__array_interface__["data"][0],
            **{
                name: getattr(run, name).ctypes.data
                for name in ("requests", "breakers", "pools", "queue", "agenda", "changes", "operations", "copies")
            },
        )
        done: bool = loaded.advance(ctypes.byref(own), ctypes.c_double(until_s))
        return done

    return advance
