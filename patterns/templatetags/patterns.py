"""What the library's templates need beyond Django's own filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template

register = template.Library()


@register.filter
def of(values: Mapping[str, Any], key: str) -> Any:
    """`done.read|of:page.slug`: the value under a key that is itself a variable, or None."""
    return values.get(key) if values else None
