"""What a learner may ask for and answer."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Count
from django.utils import timezone

from patterns.catalogue import TASKS, TITLES
from quizzes.choosing import DEFAULT_DAYS, DIFFICULTIES, HISTORIES, Choice
from quizzes.exam_guide import DOMAINS
from quizzes.marks import LONGEST_TEXT
from quizzes.models import Certainty, Question, QuestionPattern, Report
from quizzes.practice import offered

FARTHEST_EXAM_DAYS = 3 * 365
MOST_NEW, MOST_REVIEWS = 200, 1_000
RETENTIONS = [(str(share), f"{100 * share:.0f} %") for share in (0.80, 0.85, 0.90, 0.95, 0.97)]
LENGTHS = (("5", "5, a short break"), ("10", "10, about a quarter of an hour"), ("20", "20, a good sitting"))


def _whole_number(what: str, most: int) -> dict[str, str]:
    return dict.fromkeys(("required", "invalid"), f"{what}: use a whole number from 0 to {most}.")


class ChooseForm(forms.Form):
    """What to practise: what the questions are about, how it went with them before, and how many."""

    pattern = forms.ChoiceField(
        label="Questions on",
        required=False,
        error_messages={
            "invalid_choice": "There are no questions on %(value)s yet; choose a pattern from the list.",
        },
    )
    history = forms.ChoiceField(
        label="Which of them", required=False, choices=[("", "All, new ones first"), *HISTORIES.items()]
    )
    days = forms.IntegerField(
        label="Days, for “not seen for some days”",
        required=False,
        min_value=1,
        max_value=365,
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), "Days are a whole number from 1 to 365."),
    )
    domain = forms.TypedChoiceField(
        label="Domain",
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", "All domains"), *((str(domain.number), domain.title) for domain in DOMAINS)],
    )
    task = forms.ChoiceField(
        label="Task",
        required=False,
        choices=[("", "All tasks"), *((task, f"{task} {title}") for task, title in TASKS.items())],
    )
    difficulty = forms.TypedChoiceField(
        label="Difficulty",
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", "Any"), *((str(number), title) for number, title in DIFFICULTIES.items())],
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

    @property
    def choice(self) -> Choice:
        """What was asked for. Only for a valid form."""
        asked = {name: self.cleaned_data[name] for name in ("pattern", "domain", "task", "difficulty", "history")}
        return Choice(**asked, days=self.cleaned_data["days"] or DEFAULT_DAYS)

    @property
    def narrower(self) -> list[forms.BoundField]:
        """The fields few people need."""
        return [self[name] for name in ("domain", "task", "difficulty", "days")]

    @property
    def is_narrowed(self) -> bool:
        return any(field.value() or field.errors for field in self.narrower)


class LongText(forms.CharField):
    """A text of a few lines. Browsers send each line end as two characters, but count it as one, and so do we."""

    def __init__(self) -> None:
        too_long = f"Use at most {LONGEST_TEXT:,} characters; this is %(show_value)s."
        super().__init__(required=False, max_length=LONGEST_TEXT, error_messages={"max_length": too_long})

    def to_python(self, value: Any) -> str:
        return super().to_python(value.replace("\r\n", "\n") if isinstance(value, str) else value) or ""


class NoteForm(forms.Form):
    """A few words to oneself on a question."""

    note = LongText()


class ReportForm(forms.Form):
    """What is wrong with a question."""

    kind = forms.ChoiceField(
        choices=Report.Kind.choices,
        error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose what is wrong from the list."),
    )
    text = LongText()


class StudyForm(forms.Form):
    """When the exam is, and how much a day."""

    exam_date = forms.DateField(
        label="Day of the exam",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Empty while there is none. Reviews then come closer together as it nears.",
        error_messages={"invalid": "Write the day as 2027-01-31."},
    )
    desired_retention = forms.TypedChoiceField(
        label="Of what is due, still know",
        coerce=float,
        choices=RETENTIONS,
        help_text="More means more reviews. In the last two weeks before the exam it is 95 % at least.",
    )
    new_per_day = forms.IntegerField(
        label="New questions a day, at most", error_messages=_whole_number("New questions a day", MOST_NEW)
    )
    reviews_per_day = forms.IntegerField(
        label="Reviews a day, at most", error_messages=_whole_number("Reviews a day", MOST_REVIEWS)
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, most in (("new_per_day", MOST_NEW), ("reviews_per_day", MOST_REVIEWS)):
            field = self.fields[name]
            field.validators = [MinValueValidator(0), MaxValueValidator(most)]
            field.error_messages |= dict.fromkeys(("min_value", "max_value"), field.error_messages["invalid"])
            field.widget.attrs |= {"min": 0, "max": most}

    def clean_exam_date(self) -> date | None:
        day: date | None = self.cleaned_data["exam_date"]
        today = timezone.now().date()
        last = today + timedelta(days=FARTHEST_EXAM_DAYS)
        if day and day != self.initial.get("exam_date") and not today <= day <= last:
            raise forms.ValidationError(f"The day of the exam is {day}; use {today} to {last}.")
        return day


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
