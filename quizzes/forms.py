"""What a learner may ask for and answer."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Count

from patterns.catalogue import TITLES
from quizzes.models import Certainty, Question, QuestionPattern
from quizzes.practice import offered

LENGTHS = (("5", "5, a short break"), ("10", "10, about a quarter of an hour"), ("20", "20, a good sitting"))


class ChooseForm(forms.Form):
    """What to practise: a pattern or everything, and how many questions."""

    pattern = forms.ChoiceField(
        label="Questions on",
        required=False,
        error_messages={
            "invalid_choice": "There are no questions on %(value)s yet; choose a pattern from the list.",
        },
    )
    length = forms.ChoiceField(label="How many", choices=LENGTHS, initial="10", widget=forms.RadioSelect)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        links = QuestionPattern.objects.filter(question__retired=False).values_list("pattern")
        counts = dict(links.annotate(Count("id")).order_by("pattern"))
        patterns = [(slug, f"{title} ({counts[slug]})") for slug, title in TITLES.items() if slug in counts]
        self.fields["pattern"].choices = [("", f"All patterns ({offered().count()})"), *patterns]  # type: ignore[attr-defined]

    def clean_length(self) -> int:
        return int(self.cleaned_data["length"])


class AnswerForm(forms.Form):
    """The chosen options, by their places in the bank, and how sure the learner is."""

    chosen = forms.MultipleChoiceField(
        error_messages={"invalid_choice": "Option %(value)s is not in this question; choose from those shown."}
    )
    certainty = forms.ChoiceField(
        choices=Certainty.choices,
        error_messages=dict.fromkeys(
            ("required", "invalid_choice"), "Say how sure you are: press Guessing, Unsure or Sure."
        ),
    )

    def __init__(self, question: Question, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wanted = len(question.keys)
        self.places = [str(place) for place in range(len(question.options))]
        chosen = self.fields["chosen"]
        chosen.choices = [(place, place) for place in self.places]  # type: ignore[attr-defined]
        chosen.error_messages["required"] = f"Choose {_options(self.wanted)} first, then say how sure you are."

    def clean_chosen(self) -> list[int]:
        chosen = sorted({int(place) for place in self.cleaned_data["chosen"]})
        if len(chosen) != self.wanted:
            raise forms.ValidationError(f"You chose {_options(len(chosen))}; this question asks for {self.wanted}.")
        return chosen

    @property
    def first_error(self) -> str:
        """The one thing to put right next, or an empty string."""
        return next((str(errors[0]) for errors in self.errors.values()), "")

    @property
    def chosen_places(self) -> set[int]:
        """What was ticked, right or not, so that an error loses nothing."""
        return {int(value) for value in self["chosen"].value() or [] if value in self.places}


def _options(number: int) -> str:
    return "one option" if number == 1 else f"{number} options"
