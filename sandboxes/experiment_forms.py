"""What a learner writes on an experiment: a title and a note."""

from __future__ import annotations

from typing import Any

from django import forms

from sandboxes import experiments
from sandboxes.models import NOTE_LENGTH, TITLE_LENGTH, Experiment

LONGEST_ADDRESS = 8_000


class Written(forms.CharField):
    """Text of one's own. The browser cuts nothing off: what is too long is told, and kept as typed."""

    def __init__(self, name: str, most: int, widget: forms.Widget, **options: Any) -> None:
        too_long = f"The {name} has %(show_value)d characters; use at most {most:,}."
        messages = {"max_length": too_long, "required": f"Give this experiment a {name}."}
        super().__init__(max_length=most, widget=widget, error_messages=messages, **options)

    def to_python(self, value: Any) -> Any:
        """Browsers send a line break as two characters and count it as one."""
        return super().to_python(value.replace("\r\n", "\n") if isinstance(value, str) else value)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {name: value for name, value in super().widget_attrs(widget).items() if name != "maxlength"}


class WordsForm(forms.Form):
    """Title and note; made to stand several times on one page."""

    title = Written("title", TITLE_LENGTH, forms.TextInput(attrs={"autocomplete": "off", "data-keeps-typed": True}))
    note = Written(
        "note",
        NOTE_LENGTH,
        forms.Textarea(attrs={"rows": 4, "autocomplete": "off", "data-keeps-typed": True}),
        required=False,
        label="Note",
        help_text=f"What did you expect, and what happened? Up to {NOTE_LENGTH:,} characters.",
    )

    def clean(self) -> dict[str, Any]:
        """What is wrong with a field nobody sees is told above the form."""
        for field in self.hidden_fields():
            for error in self.errors.pop(field.name, []):
                self.add_error(None, str(error))
        return self.cleaned_data


class SaveForm(WordsForm):
    """A run's address with what is written on it; valid, it holds the `place` it leads to."""

    address = forms.CharField(
        widget=forms.HiddenInput,
        max_length=LONGEST_ADDRESS,
        error_messages={
            "required": "This page does not say which run to save; open the run and save it there.",
            "max_length": "The run's address has %(show_value)d characters; use at most %(limit_value)d.",
        },
    )

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"]
        try:
            self.place = experiments.read(address)
        except experiments.NotAnExperiment as error:
            raise forms.ValidationError(f"This cannot be saved. {error}") from None
        return address


class ChangeForm(WordsForm):
    """Title and note, and when they were last changed as far as this page knows."""

    changed_at = forms.DateTimeField(
        widget=forms.HiddenInput,
        error_messages=dict.fromkeys(
            ("required", "invalid"), "This page is out of date; open the experiment in another tab and change it there."
        ),
    )


def blank(address: str, scope: str, title: str) -> SaveForm:
    """The form that saves what is at this address, with a title to begin with."""
    return SaveForm(initial={"address": address, "title": title[:TITLE_LENGTH]}, auto_id=ids(scope))


def kept(experiment: Experiment) -> ChangeForm:
    """The form that changes a kept experiment, filled with what is kept."""
    words = {"title": experiment.title, "note": experiment.note}
    # As text, because Django's widget would drop the microseconds by which two changes differ.
    return ChangeForm(initial={**words, "changed_at": experiment.changed_at.isoformat()}, auto_id=ids(experiment.id))


def ids(scope: object) -> str:
    """A form's ids, which no other form on the page has."""
    return f"{scope}-words-%s"
