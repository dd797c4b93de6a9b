"""What a reader asks the library for."""

from __future__ import annotations

from typing import Any

from django import forms

from patterns.catalogue import CATEGORIES, TASKS

MOST_LETTERS = 80


class LibraryForm(forms.Form):
    """A search and three filters, all optional. A value that is not offered counts as none."""

    q = forms.CharField(required=False, label="Search")
    category = forms.ChoiceField(
        required=False, choices=[("", "All"), *((shelf.title, shelf.title) for shelf in CATEGORIES)]
    )
    task = forms.ChoiceField(
        required=False,
        label="Exam task",
        choices=[("", "All"), *((task, f"{task} {words}") for task, words in TASKS.items())],
    )
    sandbox = forms.BooleanField(required=False, label="With a sandbox", widget=forms.CheckboxInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["q"].widget = forms.TextInput(
            attrs={
                "type": "search",
                "maxlength": MOST_LETTERS,
                "autocomplete": "off",
                "spellcheck": "false",
                "aria-keyshortcuts": "/",
                "data-search": True,
                "placeholder": "idempotent, SQS, thundering herd",
            }
        )

    def clean_q(self) -> str:
        return str(self.cleaned_data["q"])[:MOST_LETTERS]

    def wanted(self) -> dict[str, str]:
        """What was asked for, without what is empty or not offered; makes the address of the answer."""
        self.is_valid()
        told = {name: self.cleaned_data.get(name) for name in self.fields}
        return {name: "1" if value is True else str(value) for name, value in told.items() if value}
