"""What the answers say about the questions, for those who run the place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import User
from quizzes import item_statistics
from quizzes.bank_forms import SHOWN, BankForm
from quizzes.item_statistics import ItemStatistics
from quizzes.practice import offered

ON_A_PAGE = 100
# Words of each column, and what it sorts by; nothing to sort by comes last in either direction.
COLUMNS: dict[str, tuple[str, Callable[[ItemStatistics], Any]]] = {
    "question": ("Question", lambda item: item.question.id),
    "task": ("Task", lambda item: item.question.task),
    "answers": ("First answers", lambda item: item.answers),
    "facility": ("Right", lambda item: item.facility),
    "discrimination": ("Discrimination", lambda item: item.discrimination),
    "dead": ("Options", lambda item: item.dead if item.has_enough else None),
    "reports": ("Reports", lambda item: item.open_reports),
}
MOST_FIRST = ("answers", "dead", "reports")


@dataclass(frozen=True)
class Heading:
    """A column's name, the address that sorts by it, and how it is sorted now."""

    name: str
    words: str
    address: str
    sorted: str


@never_cache
@require_safe
def bank(request: HttpRequest) -> HttpResponse:
    """Every question on offer with its statistics, sorted and filtered. To others than staff there is no such page."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    if not (isinstance(request.user, User) and request.user.is_staff):
        raise Http404("the bank is for those who run the place")
    items = item_statistics.of_questions(offered().prefetch_related("patterns").order_by("id"))
    form = BankForm(request.GET.dict(), {link.pattern for item in items for link in item.question.patterns.all()})
    sort = request.GET.get("sort", "")
    chosen = ordered(form.chosen(items), sort)
    context = {
        "form": form,
        "sort": sort,
        "page": Paginator(chosen, ON_A_PAGE).get_page(request.GET.get("page")),
        "headings": _headings(request, sort),
        "counts": [(name, words, sum(map(fits, items))) for name, (words, fits) in SHOWN.items()],
        "total": len(items),
        "forms": item_statistics.of_forms(),
        "enough": item_statistics.ENOUGH_ANSWERS,
        "strong": item_statistics.STRONG_ANSWERS,
    }
    return render(request, "quizzes/bank.html", context)


def ordered(items: Sequence[ItemStatistics], sort: str) -> list[ItemStatistics]:
    """By a column, `-` before its name for the other way round; else what needs a look first."""
    name = sort.removeprefix("-")
    if name not in COLUMNS:
        return sorted(
            items, key=lambda item: (-item.key_may_be_wrong, -item.open_reports, -item.dead, item.question.id)
        )
    by = COLUMNS[name][1]
    told = sorted((item for item in items if by(item) is not None), key=by, reverse=sort.startswith("-"))
    return told + [item for item in items if by(item) is None]


def _need(item: ItemStatistics) -> tuple[int, int, int, str]:
    return -item.key_may_be_wrong, -item.open_reports, -item.dead, item.question.id


def _headings(request: HttpRequest, sort: str) -> list[Heading]:
    headings = []
    for name, (words, _) in COLUMNS.items():
        first, second = (f"-{name}", name) if name in MOST_FIRST else (name, f"-{name}")
        query = request.GET.copy()
        query.pop("page", None)
        query["sort"] = second if sort == first else first
        state = "" if sort.removeprefix("-") != name else "descending" if sort.startswith("-") else "ascending"
        headings.append(Heading(name, words, f"?{query.urlencode()}", state))
    return headings
