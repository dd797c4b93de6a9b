from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from quizzes import bank_views
from quizzes.models import Report
from tests.quizzes.conftest import browser_of, entry, many, save, text
from tests.quizzes.test_item_statistics import answered

PASSWORD = "four quiet owls at noon"


@pytest.fixture
def staff(db) -> Client:
    client = Client()
    client.force_login(User.objects.create_user("root@example.org", PASSWORD, is_staff=True))
    return client


@pytest.fixture
def told(db):
    """Six questions with 24 answers each; made-06 has a wrong key, and a report waits for an answer about made-03."""
    questions = save(*many(6), entry(id="unanswered", stem="New. What fails fast?", patterns=["saga"], task="3.3"))
    for learner in range(24):
        knows = learner < 12
        good, bad = [0], [1 + learner % 2]
        answered(questions[:6], [good if knows else bad] * 5 + [bad if knows else good])
    Report.objects.create(learner=User.objects.create_guest(), question=questions[2], kind="key")
    return questions


def ids(response) -> list[str]:
    return re.findall(r'question/([a-z0-9-]+)/change/"', response.content.decode())


def test_only_staff_find_the_page(told, staff, client, learner):
    assert staff.get(reverse("bank")).status_code == 200
    assert client.get(reverse("bank")).headers["Location"] == f"{reverse('account_login')}?next=/bank/"
    assert browser_of(learner).get(reverse("bank")).status_code == 302
    client.force_login(User.objects.create_user("ada@example.org", PASSWORD))
    assert client.get(reverse("bank")).status_code == 404
    assert reverse("bank") not in client.get(reverse("account")).content.decode()
    assert reverse("bank") in staff.get(reverse("account")).content.decode()


def test_what_needs_a_look_comes_first(told, staff):
    response = staff.get(reverse("bank"))

    assert ids(response)[:2] == ["made-06", "made-03"]
    assert "-1.00 Is the key right?" in text(response)
    assert "24 weak 50 %" in text(response)
    assert "1 dead" in text(response)
    assert "too few" in text(response)
    assert f"{reverse('admin:quizzes_report_changelist')}?question__id__exact=made-03" in response.content.decode()


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("show=key", ["made-06"]),
        ("show=reports", ["made-03"]),
        ("show=few", ["unanswered"]),
        ("task=3.3", ["unanswered"]),
        ("pattern=saga", ["unanswered"]),
        ("pattern=saga&show=key", []),
        ("sort=-question&task=2.2", [f"made-0{n}" for n in (6, 5, 4, 3, 2, 1)]),
        ("sort=discrimination&show=dead", ["made-06", *(f"made-0{n}" for n in (1, 2, 3, 4, 5))]),
        ("sort=facility", [*(f"made-0{n}" for n in (1, 2, 3, 4, 5, 6)), "unanswered"]),
        ("sort=-facility", [*(f"made-0{n}" for n in (1, 2, 3, 4, 5, 6)), "unanswered"]),
        ("sort=answers", ["unanswered", *(f"made-0{n}" for n in (1, 2, 3, 4, 5, 6))]),
        ("sort=-reports&task=2.2", [f"made-0{n}" for n in (3, 1, 2, 4, 5, 6)]),
    ],
)
def test_questions_can_be_sorted_and_filtered(told, staff, query, shown):
    assert ids(staff.get(f"{reverse('bank')}?{query}")) == shown


def test_a_filter_that_cannot_be_had_is_named_and_everything_shown(told, staff):
    response = staff.get(reverse("bank"), {"pattern": "no-such", "sort": "nonsense", "page": "99"})

    assert "no-such is not one of the available choices" in text(response)
    assert len(ids(response)) == 7


def test_sorting_keeps_the_filter_and_turns_round(told, staff):
    page = staff.get(f"{reverse('bank')}?task=2.2&sort=facility").content.decode()

    assert 'href="?task=2.2&amp;sort=-facility"' in page
    assert '<th scope="col" aria-sort="ascending">' in page


def test_a_large_bank_comes_in_pages_from_a_bounded_number_of_queries(
    staff, db, monkeypatch, django_assert_num_queries
):
    questions = save(*many(25))
    for _ in range(3):
        answered(questions, [[0]] * 25)
    monkeypatch.setattr(bank_views, "ON_A_PAGE", 10)

    with django_assert_num_queries(8):
        response = staff.get(reverse("bank"), {"page": "3", "sort": "question"})

    assert ids(response) == [f"made-{n}" for n in range(21, 26)]
    assert "Page 3 of 3" in text(response)
    assert "?page=2&amp;sort=question" in response.content.decode()


@pytest.mark.django_db
def test_an_empty_bank_says_so(staff):
    assert "No question fits." in text(staff.get(reverse("bank")))
