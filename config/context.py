"""What every page needs: the places of the house, the one we are in, and the nonce of this answer."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

PLACES = (
    ("patterns", "Patterns"),
    ("sandboxes", "Sandboxes"),
    ("practice", "Practice"),
    ("exams", "Exams"),
    ("progress", "Progress"),
)
# Rooms whose address does not begin with that of the place they belong to.
BELONGS_TO = {"glossary": "patterns", "paths": "patterns"}


def places(request: HttpRequest) -> dict[str, Any]:
    """`places`: (name, address, words) of the navigation; `place`: the name of the current one, or ""."""
    known = [(name, reverse(name), words) for name, words in PLACES]
    room = BELONGS_TO.get(request.path.strip("/").partition("/")[0])
    here = room or next((name for name, address, _ in known if request.path.startswith(address)), "")
    return {"places": known, "place": here}


def nonce(request: HttpRequest) -> dict[str, Any]:
    """`csp_nonce` marks our own scripts and htmx attributes; made only when a template writes it."""
    return {"csp_nonce": getattr(request, "csp_nonce", "")}
