"""What may be asked of an exam: to begin one, and to keep changes of its answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from django import forms
from django.db.models import Count
from pydantic import BaseModel, ConfigDict, Field

from patterns.catalogue import TITLES
from quizzes.attempts import HIGHEST_SEQUENCE, MOST_CHANGES, Change
from quizzes.exams import LONGEST_DRILL
from quizzes.models import Attempt, QuestionPattern

# The last moment that a datetime can hold is far beyond any exam.
LATEST_MS = 32_503_680_000_000
# More questions than any exam has.
LONGEST_EXAM = 1_000


class BeginForm(forms.Form):
    """Which exam, on which pattern if it is a drill, and with how much time."""

    kind = forms.ChoiceField(choices=Attempt.Kind.choices)
    pattern = forms.ChoiceField(label="Pattern", required=False)
    extended = forms.BooleanField(label="With the extra time of an accommodation", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        links = QuestionPattern.objects.filter(question__retired=False).values_list("pattern")
        counts = dict(links.annotate(Count("id")).order_by("pattern"))
        self.fields["pattern"].choices = [  # type: ignore[attr-defined]
            (slug, f"{title} ({min(counts[slug], LONGEST_DRILL)})") for slug, title in TITLES.items() if slug in counts
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if cleaned.get("kind") == Attempt.Kind.DRILL and "pattern" in cleaned and not cleaned["pattern"]:
            self.add_error("pattern", "Choose the pattern to drill.")
        if cleaned.get("kind") != Attempt.Kind.DRILL:
            cleaned["pattern"] = ""
        return cleaned


class ChangeRow(BaseModel):
    """A change as a browser sends it. Whether its value can be kept is `attempts.save`'s to say."""

    model_config = ConfigDict(extra="forbid")

    number: Annotated[int, Field(ge=1, le=LONGEST_EXAM)]
    sequence: Annotated[int, Field(ge=-HIGHEST_SEQUENCE, le=HIGHEST_SEQUENCE)]
    field: str
    value: Any
    made_at_ms: Annotated[int, Field(ge=0, le=LATEST_MS)]

    def change(self) -> Change:
        made_at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self.made_at_ms)
        return Change(self.number, self.sequence, self.field, self.value, made_at)


class ChangesBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    changes: Annotated[list[ChangeRow], Field(max_length=MOST_CHANGES)]
