"""Practice by what questions are about and by how it went with them, and how many that is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from quizzes import marks
from quizzes.choosing import Choice, matching
from quizzes.models import Answer, Certainty, PracticeSession, Question
from quizzes.practice import record
from tests.quizzes.conftest import answer_rightly, answer_wrongly, entry, save, text

pytestmark = pytest.mark.django_db


def ids(learner, now=None, **choice):
    return sorted(matching(learner, Choice(**choice), now).values_list("id", flat=True))


@pytest.fixture
def five() -> list[Question]:
    """Questions a to e."""
    return save(*(entry(id=name, stem=f"Case {name}?") for name in "abcde"))


def test_a_choice_narrows_by_pattern_domain_task_and_difficulty(learner):
    save(
        entry(id="a", stem="A?"),
        entry(id="b", stem="B?", task="2.1", difficulty=3),
        entry(id="c", stem="C?", task="3.2", patterns=["bulkhead"]),
        entry(id="d", stem="D?", task="3.2", difficulty=3),
    )

    assert ids(learner) == ["a", "b", "c", "d"]
    assert ids(learner, pattern="bulkhead") == ["c"]
    assert ids(learner, domain=2) == ["a", "b"]
    assert ids(learner, task="3.2") == ["c", "d"]
    assert ids(learner, task="3.2", difficulty=3) == ["d"]
    assert ids(learner, domain=2, task="3.2") == []


def test_history_looks_at_the_last_answer(five, learner, sit):
    a, b, c, d, _ = five
    answer_wrongly(sit(a), a)
    answer_rightly(sit(a), a)
    answer_rightly(sit(b), b)
    answer_wrongly(sit(b), b)
    record(sit(c), c, c.keys, Certainty.GUESS)
    answer_wrongly(sit(d), d)
    record(sit(d), d, [next(iter({0, 1, 2, 3} - d.keys))], Certainty.GUESS)

    assert ids(learner, history="unseen") == ["e"]
    assert ids(learner, history="wrong") == ["b", "d"]
    assert ids(learner, history="guessed") == ["c"]


def test_flagged_are_those_the_learner_flagged(five, learner):
    marks.keep(learner, five[1], flagged=True)
    marks.keep(learner, five[2], note="only a note")
    marks.keep(User.objects.create_guest(), five[3], flagged=True)

    assert ids(learner, history="flagged") == ["b"]


def test_not_seen_for_days_counts_from_the_last_answer(five, learner, sit):
    now = timezone.now()
    for question, days in zip(five[:3], (15, 14, 13), strict=True):
        answer = answer_rightly(sit(question), question)
        Answer.objects.filter(pk=answer.pk).update(answered_at=now - timedelta(days=days))
    again = answer_rightly(sit(five[0]), five[0])

    assert ids(learner, now, history="stale", days=14) == ["b"]
    Answer.objects.filter(pk=again.pk).delete()
    assert ids(learner, now, history="stale", days=14) == ["a", "b"]
    assert ids(learner, now, history="stale", days=13) == ["a", "b", "c"]


def test_the_history_of_others_does_not_matter(five, learner, sit):
    answer_wrongly(sit(five[0], of=User.objects.create_guest()), five[0])

    assert ids(learner, history="wrong") == []
    assert len(ids(learner, history="unseen")) == 5


def test_nobody_yet_has_met_none(five):
    assert len(ids(None, history="unseen")) == 5
    assert all(not ids(None, history=history) for history in ("wrong", "flagged", "guessed", "stale"))


def test_a_retired_question_is_in_no_choice(five, learner, sit):
    answer_wrongly(sit(five[0]), five[0])
    Question.objects.filter(pk="a").update(retired=True)

    assert ids(learner, history="wrong") == []


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice(), ""),
        (Choice(history="wrong"), "Wrong last time"),
        (Choice(history="stale", days=1), "Not seen for 1 day"),
        (
            Choice("circuit-breaker", 2, "", 3, "stale", 30),
            "Circuit breaker, Design Resilient Architectures, hard, not seen for 30 days",
        ),
    ],
)
def test_a_choice_is_told_in_words(choice, words):
    assert choice.words == words


# The page


def test_the_page_says_how_many_match_before_anything_begins(five, visitor, sit):
    answer_wrongly(sit(five[0]), five[0])

    assert "5 questions match." in text(visitor.get(reverse("practice")))
    assert "1 question matches." in text(visitor.get(reverse("practice"), {"history": "wrong"}))


def test_a_changed_choice_is_counted_as_a_fragment(five, visitor):
    counted = visitor.get(reverse("practice"), {"history": "unseen", "length": "5"}, HTTP_HX_REQUEST="true")

    assert "5 questions match." in text(counted)
    assert "<html" not in counted.content.decode()


def test_none_that_match_is_said_once_and_begins_nothing(five, visitor):
    asked = {"history": "wrong", "difficulty": "1", "length": "10"}

    page = visitor.post(reverse("practice"), asked)

    assert page.status_code == 422
    assert text(page).count("No question matches “Easy, wrong last time”. Ask for less, and some will.") == 1
    assert not PracticeSession.objects.exists()


def test_a_session_by_history_says_what_it_holds(five, visitor, sit):
    answer_wrongly(sit(five[0]), five[0])

    visitor.post(reverse("practice"), {"history": "wrong", "length": "10"})

    session = PracticeSession.objects.get(name__gt="")
    assert (session.question_ids, session.title) == (["a"], "Wrong last time")


def test_a_session_on_a_pattern_alone_is_named_after_it(five, visitor):
    visitor.post(reverse("practice"), {"pattern": "circuit-breaker", "length": "5"})

    assert PracticeSession.objects.get().title == "Circuit breaker"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"days": "0"}, "Days are a whole number from 1 to 365."),
        ({"days": "soon"}, "Days are a whole number from 1 to 365."),
        ({"task": "9.9"}, "9.9 is not one of the available choices"),
    ],
)
def test_what_cannot_be_asked_for_is_named_and_starts_nothing(five, visitor, data, said):
    page = visitor.post(reverse("practice"), {"length": "5", **data})

    assert page.status_code == 422
    assert said in text(page)
    assert not PracticeSession.objects.exists()


def test_counting_puts_no_token_into_an_address(five, visitor):
    page = visitor.get(reverse("practice")).content.decode()

    assert '<button class="btn go" type="submit" name="csrfmiddlewaretoken"' in page
    assert (
        'type="hidden" name="csrfmiddlewaretoken"'
        not in page[page.index('<form class="panel choose"') :].split("</form>")[0]
    )


def test_the_page_takes_a_few_queries_whatever_the_history(five, visitor, sit, django_assert_max_num_queries):
    for question in five:
        answer_wrongly(sit(question), question)

    with django_assert_max_num_queries(12):
        visitor.get(reverse("practice"), {"history": "guessed"})
