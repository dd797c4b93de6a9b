"""What was made from which sources, so that a start makes again only what has changed."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders


def is_current(name: str, fingerprint: str) -> bool:
    """Whether `name` was last made from what `fingerprint` stands for."""
    kept = _kept(name)
    return kept.is_file() and kept.read_text() == fingerprint


def keep(name: str, fingerprint: str) -> None:
    """Remember what `name` has been made from."""
    _kept(name).parent.mkdir(exist_ok=True)
    _kept(name).write_text(fingerprint)


def of_static_files() -> str:
    """Changes with every source file of the static files, and when the collected ones are gone."""
    sources = (Path(storage.path(name)) for finder in get_finders() for name, storage in finder.list([]))
    collected = (Path(settings.STATIC_ROOT) / "staticfiles.json").is_file()
    return _digest(sources, f"collected: {collected}")


def of_kernels() -> str:
    """Changes with every file of the simulations, with Numba and with Python, and when the compiled ones are gone."""
    sources = (Path(settings.BASE_DIR) / "sandboxes" / "simulations").rglob("*.py")
    compiled = (Path(settings.DATA_DIR) / "kernels").is_dir()
    return _digest(sources, f"numba {version('numba')}, python {sys.version}, compiled: {compiled}")


def _digest(sources: Iterable[Path], *more: str) -> str:
    lines = []
    for path in sources:
        found = path.stat()
        lines.append(f"{path} {found.st_size} {found.st_mtime_ns}")
    return sha256("\n".join([*sorted(lines), *more]).encode()).hexdigest()


def _kept(name: str) -> Path:
    return Path(settings.DATA_DIR) / "made" / name
