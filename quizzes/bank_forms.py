"""Which questions of the bank its page shows."""

from __future__ import annotations

from collections.abc import Callable, Collection

from django import forms

from patterns.catalogue import TASKS, TITLES
from quizzes.item_statistics import ItemStatistics

SHOWN: dict[str, tuple[str, Callable[[ItemStatistics], bool]]] = {
    "key": ("Key may be wrong", lambda item: item.key_may_be_wrong),
    "dead": ("Dead distractors", lambda item: item.dead > 0),
    "reports": ("Open reports", lambda item: item.open_reports > 0),
    "few": ("Too few answers", lambda item: not item.has_enough),
}


class BankForm(forms.Form):
    pattern = forms.ChoiceField(required=False)
    task = forms.ChoiceField(
        required=False, choices=[("", "All tasks"), *((task, f"{task} {title}") for task, title in TASKS.items())]
    )
    show = forms.ChoiceField(
        label="Only",
        required=False,
        choices=[("", "Everything"), *((name, words) for name, (words, _) in SHOWN.items())],
    )

    def __init__(self, data: dict[str, str], patterns: Collection[str]) -> None:
        super().__init__(data, auto_id="bank_%s")
        named = sorted((TITLES.get(slug, slug), slug) for slug in patterns)
        field = self.fields["pattern"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # declared above
        field.choices = [("", "All patterns"), *((slug, title) for title, slug in named)]

    def chosen(self, items: Collection[ItemStatistics]) -> list[ItemStatistics]:
        """Those that fit; all of them where a choice cannot be had, which the page then says."""
        if not self.is_valid():
            return list(items)
        pattern, task, show = (self.cleaned_data[name] for name in ("pattern", "task", "show"))
        return [
            item
            for item in items
            if (not pattern or any(link.pattern == pattern for link in item.question.patterns.all()))
            and (not task or item.question.task == task)
            and (not show or SHOWN[show][1](item))
        ]
