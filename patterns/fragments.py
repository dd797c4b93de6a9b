"""Parts of the tested code in patterns/reference, for the pages that show them.

A part of a Python file stands between the lines `# [MARKER]` and `# [/MARKER]`. JSON knows no comments, so there the
marker is a key: the part is that key with its object, such as one state of a state machine.
"""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

REFERENCE = Path(__file__).parent / "reference"
MARKER_LINE = re.compile(r"\s*# \[/?[\w-]+\]\s*")


class NoFragment(Exception):
    """Says which file or marker is missing."""


def fragment(reference: str, folder: Path = REFERENCE) -> str:
    """The lines that `FILE#MARKER` names, without their common indent and without any marker line."""
    name, _, marker = reference.partition("#")
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise NoFragment(f"file {name or 'without a name'} is not in patterns/reference")
    lines = path.read_text(encoding="utf-8").splitlines()
    found = _of_json(lines, marker) if path.suffix == ".json" else _between_marks(lines, marker)
    if not found:
        raise NoFragment(f"marker {marker or 'without a name'} is not in patterns/reference/{name}")
    kept = [line for line in found if not MARKER_LINE.fullmatch(line)]
    return dedent("\n".join(kept)).strip("\n") + "\n"


def _between_marks(lines: list[str], marker: str) -> list[str]:
    stripped = [line.strip() for line in lines]
    opening, closing = f"# [{marker}]", f"# [/{marker}]"
    if stripped.count(opening) != 1 or closing not in stripped:
        return []
    return lines[stripped.index(opening) + 1 : stripped.index(closing)]


def _of_json(lines: list[str], key: str) -> list[str]:
    """From the line that opens the key's object to the one that closes it at the same indent."""
    for start, line in enumerate(lines):
        if found := re.fullmatch(rf'(\s*)"{re.escape(key)}": {{', line):
            ends = (end for end, other in enumerate(lines[start:], start) if re.fullmatch(found[1] + "},?", other))
            end = next(ends, None)
            return [] if end is None else [*lines[start:end], found[1] + "}"]
    return []
