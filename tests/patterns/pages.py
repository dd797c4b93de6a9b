"""A small sound page, and ways to spoil it."""

from pathlib import Path
from typing import Any

import yaml

from patterns.content import SECTIONS

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10" role="img" aria-labelledby="t">'
    '<title id="t">Two boxes</title><desc>One beside another.</desc><rect class="d-box" width="4" height="4"/></svg>'
)


def front_matter(**changes: Any) -> dict[str, Any]:
    sound = {
        "slug": "bulkhead",
        "title": "Bulkhead",
        "category": "Resilience",
        "order": 2,
        "summary": "Keep a leak in one room.",
        "tasks": ["2.2"],
        "sources": [{"title": "The guide", "url": "https://docs.example.com/bulkhead", "checked": "2026-11-01"}],
        "cheat_sheet": ["Share **nothing** that can fill up."],
    }
    return {name: value for name, value in {**sound, **changes}.items() if value is not None}


def body(text: str = "Words.", sections: tuple[str, ...] = SECTIONS) -> str:
    """All sections in order, with `text` in the first."""
    return "\n\n".join(f"## {section}\n\n{text if index == 0 else 'Words.'}" for index, section in enumerate(sections))


def well_written(seed: str = "plain") -> str:
    """A body that no rule of writing objects to; no paragraph of it is in one made with another seed."""
    text = " ".join(f"Word {seed} {number} stands here." for number in range(200))
    answer = "Why?\n\n::: answer\nBecause.\n:::"
    return f"{body(f'::: diagram boxes{chr(10)}:::{chr(10) * 2}{text}')}\n\n{answer}\n\n{answer}"


def write_well(folder: Path, slug: str = "bulkhead", text: str | None = None, **changes: Any) -> Path:
    """A page without a flaw, apart from those that are asked for."""
    write_diagram(folder, "boxes")
    neighbour = "timeouts" if slug == "bulkhead" else "bulkhead"
    sound = {"related": [{"slug": neighbour, "relation": "builds on", "why": "it waits"}], **changes}
    return write_page(folder, well_written(slug) if text is None else text, slug=slug, **sound)


def write_page(folder: Path, text: str | None = None, **changes: Any) -> Path:
    front = front_matter(**changes)
    path = folder / f"{front['slug']}.md"
    path.write_text(f"---\n{yaml.safe_dump(front, sort_keys=False)}---\n\n{body() if text is None else text}\n")
    return path


def write_diagram(folder: Path, name: str, source: str = SVG) -> None:
    (folder / "diagrams").mkdir(exist_ok=True)
    (folder / "diagrams" / f"{name}.svg").write_text(source)
