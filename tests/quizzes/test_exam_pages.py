from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.services import merge_guest
from quizzes import attempts, limits
from quizzes.models import Answer, Attempt, AttemptChange, AttemptItem, Question
from tests.quizzes.conftest import browser_of, text
from tests.quizzes.exams import bank, begun, choose, item_of, right, sit_exam, wrong

pytestmark = pytest.mark.django_db
PATTERN = "circuit-breaker"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def attempt(learner) -> Attempt:
    return sit_exam(learner, now=timezone.now() - MINUTE)


def address(attempt: Attempt, name: str = "exam", *more: Any) -> str:
    return reverse(name, args=[attempt.id, *more])


def page_of(attempt: Attempt, number: int = 1) -> str:
    return address(attempt, "exam_item", number)


def send(client: Client, attempt: Attempt, *changes: dict[str, Any], **headers: Any) -> Any:
    now_ms = int(timezone.now().timestamp() * 1000)
    rows = [{"number": 1, "sequence": 1, "field": "chosen", "made_at_ms": now_ms} | change for change in changes]
    return client.post(
        address(attempt, "exam_changes"), json.dumps({"changes": rows}), content_type="application/json", **headers
    )


def let_time_pass(attempt: Attempt, past_deadline: timedelta) -> None:
    """Put the whole attempt back, so that its deadline was so long ago."""
    back = timezone.now() - past_deadline - attempt.deadline_at
    attempt.started_at += back
    attempt.deadline_at += back
    attempt.save()


def close(attempt: Attempt) -> None:
    attempts.close(attempt.pk, submitted=True)
    attempt.refresh_from_db()


# Beginning


def test_a_bank_that_cannot_fill_the_forms_says_what_it_has_and_offers_that(client):
    bank(t21=2, t22=8)

    page = text(client.get(reverse("exams")))

    assert "it has 10 of the 65 questions it takes. You can sit those; the result will say" in page
    assert "Design Secure Architectures 0 of 19" in page
    assert "Design Resilient Architectures 10 of 17" in page
    assert "Sit the 10 there are, 20 minutes" in page
    assert "it has 5 of the 20 questions" in page
    assert "Start the drill" in page
    assert not User.objects.exists()


def test_a_full_bank_offers_the_whole_exam(client):
    bank(t11=20, t21=20, t31=20, t41=20)

    page = text(client.get(reverse("exams")))

    assert "Start: 65 questions, 130 minutes" in page
    assert "160 minutes instead of 130" in page
    assert "Start: 20 questions, 40 minutes" in page
    assert "cannot fill" not in page


def test_an_empty_bank_offers_no_exam_and_starts_none(client):
    page = text(client.get(reverse("exams")))
    posted = client.post(reverse("exams"), {"kind": "mock"}, follow=True)

    assert "it has 0 of the 65 questions" in page
    assert "minutes" not in page
    assert "The bank has no question for this exam yet." in text(posted)


def test_beginning_makes_a_guest_and_leads_to_the_first_question(client):
    bank(t22=3)

    posted = client.post(reverse("exams"), {"kind": "drill", "pattern": PATTERN, "extended": "on"}, follow=True)

    attempt = Attempt.objects.get()
    assert attempt.learner.is_guest
    assert attempt.deadline_at - attempt.started_at == 8 * MINUTE
    assert posted.redirect_chain[-1][0] == page_of(attempt)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"kind": "drill"}, "Choose the pattern to drill."),
        ({"kind": "drill", "pattern": "saga"}, "saga is not one of the available choices"),
        ({"kind": "marathon"}, "marathon is not one of the available choices"),
        ({}, "This field is required"),
    ],
)
def test_what_cannot_be_begun_is_named(client, data, said):
    bank(t22=3)

    response = client.post(reverse("exams"), data)

    assert response.status_code == 422
    assert said in text(response)
    assert not Attempt.objects.exists()


def test_beginning_again_leads_to_the_exam_that_runs(attempt, visitor):
    posted = visitor.post(reverse("exams"), {"kind": "mock"})

    assert posted.headers["Location"] == address(attempt)
    assert "is running: 0 of 4 answered" in text(visitor.get(reverse("exams")))


def test_exams_cannot_be_begun_without_end(client, monkeypatch):
    bank(t22=3)
    monkeypatch.setitem(limits.STARTS, "guest", "1/h/ip")

    answers = [Client().post(reverse("exams"), {"kind": "mock"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 429]


# Sitting


def test_a_question_is_shown_with_nothing_that_tells_the_answer(attempt, visitor):
    item = item_of(attempt)
    pages = [visitor.get(page_of(attempt)), visitor.get(address(attempt, "exam_paper"))]

    for page in pages:
        told = page.content.decode()
        assert item.question.stem in told
        assert all(option["text"] in told for option in item.question.options)
        assert all(option["reason"] not in told for option in item.question.options)
        assert "correct" not in told
        assert "scored" not in told
    assert re.findall(r'name="chosen" value="(\d)"', pages[0].content.decode()) == [str(p) for p in item.shown]
    assert item_of(attempt).opened_at


def test_a_change_is_acknowledged_with_how_its_item_stands(attempt, visitor):
    answer = send(visitor, attempt, {"value": [2]}, {"field": "flagged", "value": True, "sequence": 2}).json()

    assert answer["outcomes"] == ["kept", "kept"]
    (item,) = answer["items"]
    assert (item["chosen"], item["chosen_sequence"], item["flagged"]) == ([2], 1, True)
    assert not answer["closed"]
    assert visitor.get(address(attempt, "exam_state")).json()["items"][0] == item


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", '{"changes": [{"number": 1}]}', '{"changes": 1}', '{"changes": [], "more": 1}', "\xff"],
)
def test_a_body_that_is_no_list_of_changes_is_refused_in_words(attempt, visitor, body):
    answer = visitor.post(address(attempt, "exam_changes"), body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize("number", [0, -1, 2**63, 10**30])
def test_a_number_that_no_question_has_is_refused_in_words(attempt, visitor, number):
    answer = send(visitor, attempt, {"number": number, "value": [1]})

    assert (answer.status_code, "changes.0.number" in answer.json()["error"]) == (400, True)


def test_changes_are_guarded_against_forged_requests(attempt, learner):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser_of(learner).cookies

    assert send(strict, attempt, {"value": [2]}).status_code == 403
    assert not AttemptChange.objects.exists()


def test_another_learners_exam_is_not_found(attempt):
    for client in (browser_of(User.objects.create_guest()), Client()):
        for name in ("exam", "exam_paper", "exam_state", "exam_review"):
            assert client.get(address(attempt, name)).status_code == 404
        assert client.get(page_of(attempt)).status_code == 404
        assert client.post(page_of(attempt), {"chosen": "1"}).status_code == 404
        assert client.post(address(attempt, "exam_submit")).status_code == 404
        assert send(client, attempt, {"value": [2]}).status_code == 404
    assert not AttemptChange.objects.exists()


@pytest.mark.parametrize("number", [0, 5])
def test_a_number_outside_the_exam_is_not_found(attempt, visitor, number):
    assert visitor.get(page_of(attempt, number)).status_code == 404


def test_after_signing_in_the_same_tab_goes_on(attempt, learner, client):
    user = User.objects.create_user("ada@example.org", "four quiet owls at noon")
    merge_guest(learner, user)
    client.force_login(user)

    assert send(client, attempt, {"value": [2]}).json()["outcomes"] == ["kept"]
    assert client.get(page_of(attempt)).status_code == 200


def test_the_exam_reopens_at_the_last_question_that_was_opened(attempt, visitor):
    for number in (1, 3):
        visitor.get(page_of(attempt, number))

    assert visitor.get(address(attempt)).headers["Location"] == page_of(attempt, 3)


# Without JavaScript


@pytest.mark.parametrize(
    ("number", "go", "leads_to"),
    [(1, "next", 2), (2, "previous", 1), (1, "previous", 1), (1, "4", 4), (1, "99", 4), (2, "x", 2), (2, "", 2)],
)
def test_every_button_saves_and_leads_on(attempt, visitor, number, go, leads_to):
    posted = visitor.post(page_of(attempt, number), {"chosen": "2", "flagged": "on", "guessed": "on", "go": go})

    item = item_of(attempt, number)
    assert posted.headers["Location"] == page_of(attempt, leads_to)
    assert (item.chosen, item.flagged, item.guessed) == ([2], True, True)


@pytest.mark.parametrize(("number", "go"), [(4, "next"), (1, "review")])
def test_the_last_question_and_the_review_button_lead_to_the_review(attempt, visitor, number, go):
    posted = visitor.post(page_of(attempt, number), {"go": go})

    assert posted.headers["Location"] == address(attempt, "exam_review")


def test_a_form_that_comes_later_overwrites_what_a_browser_sent_and_can_take_it_back(attempt, visitor):
    send(visitor, attempt, {"value": [2], "sequence": 99_000_000_000})

    visitor.post(page_of(attempt), {"chosen": "3", "go": "next"})
    changed = item_of(attempt).chosen
    visitor.post(page_of(attempt), {"was_chosen": "3", "go": "next"})

    assert (changed, item_of(attempt).chosen) == ([3], [])


def test_a_form_leaves_alone_what_another_tab_has_changed_since_it_was_shown(attempt, visitor):
    old_tab = re.findall(r'name="(was_\w+)" value="(\w+)"', visitor.get(page_of(attempt)).content.decode())
    send(visitor, attempt, {"value": [3], "sequence": 50_000})

    visitor.post(page_of(attempt), {**dict(old_tab), "flagged": "on", "go": "next"})

    assert old_tab == []
    assert (item_of(attempt).chosen, item_of(attempt).flagged) == ([3], True)


def test_a_form_tells_what_it_showed(attempt, visitor):
    visitor.post(page_of(attempt), {"chosen": "3", "flagged": "on", "go": "1"})

    page = visitor.get(page_of(attempt)).content.decode()
    visitor.post(page_of(attempt), dict(re.findall(r'name="(was_\w+)" value="(\w+)"', page)) | {"chosen": "3"})

    assert 'name="was_chosen" value="3"' in page
    assert (item_of(attempt).chosen, item_of(attempt).flagged) == ([3], False)


@pytest.mark.parametrize("field", ["chosen", "was_chosen", "go", "opened_ms"])
def test_a_form_with_thousands_of_digits_keeps_the_rest(attempt, visitor, field):
    posted = visitor.post(page_of(attempt), {"flagged": "on", field: "9" * 5000})

    assert posted.status_code == 302
    assert item_of(attempt).flagged


def test_a_form_that_changes_nothing_logs_the_time_alone(attempt, visitor):
    opened_ms = int((timezone.now() - timedelta(seconds=30)).timestamp() * 1000)

    visitor.post(page_of(attempt), {"opened_ms": str(opened_ms), "go": "next"})

    assert list(AttemptChange.objects.values_list("field", flat=True)) == ["spent_ms"]
    assert 30_000 <= item_of(attempt).spent_ms < 60_000


def test_a_form_that_claims_no_sound_time_is_saved_without_one(attempt, visitor):
    visitor.post(page_of(attempt), {"chosen": "2", "opened_ms": "-5", "go": "next"})
    visitor.post(page_of(attempt), {"chosen": "1", "opened_ms": "7", "go": "next"})

    assert (item_of(attempt).chosen, item_of(attempt).spent_ms) == ([1], 0)


# The end


def test_the_review_warns_of_what_is_unanswered_half_answered_and_flagged(attempt, visitor):
    choose(attempt, 1, [1])
    choose(attempt, 2, [1, 2])
    choose(attempt, 2, True, sequence=2, field="flagged")

    page = text(visitor.get(address(attempt, "exam_review")))

    assert "2 of 4 answered" in page
    assert "2 questions have no answer. Unanswered counts as wrong" in page
    assert "1 question asks for another number of options than you chose" in page
    assert "You flagged 1." in page
    assert "Submit all the same" in page


def test_submitting_ends_the_exam_once_and_shows_the_result(attempt, visitor):
    choose(attempt, 1, right(item_of(attempt)))

    posted = [visitor.post(address(attempt, "exam_submit"), follow=True) for _ in range(2)]

    assert all("25 % right" in text(page) for page in posted)
    assert Answer.objects.count() == 1
    assert visitor.get(address(attempt, "exam_review")).headers["Location"] == address(attempt)
    assert send(visitor, attempt, {"value": [2], "sequence": 9}).json() | {"now_ms": 0} == {
        "outcomes": ["late"],
        "closed": True,
        "now_ms": 0,
        "items": [],
    }


def test_within_the_grace_pages_say_that_time_is_up_and_late_answers_still_count(attempt, visitor):
    let_time_pass(attempt, timedelta(seconds=20))
    made_ms = int((attempt.deadline_at - timedelta(seconds=5)).timestamp() * 1000)

    page = text(visitor.get(address(attempt)))
    outcomes = send(visitor, attempt, {"value": [2], "made_at_ms": made_ms}).json()["outcomes"]

    assert "Time is up" in page
    assert re.search(r"in (39|40|41) seconds the exam is scored", page)
    assert outcomes == ["kept"]
    assert visitor.get(page_of(attempt)).headers["Location"] == address(attempt)
    assert visitor.get(address(attempt, "exam_review")).headers["Location"] == address(attempt)


def test_a_form_sent_after_the_exam_was_submitted_is_told_so(attempt, visitor):
    close(attempt)

    page = visitor.post(page_of(attempt), {"chosen": "2", "go": "next"}, follow=True)

    assert "The exam was over before your answer to question 1 came, so it is not kept." in text(page)
    assert item_of(attempt).chosen == []


def test_who_asks_for_another_exam_is_told_that_one_is_running(attempt, visitor):
    begun = visitor.post(reverse("exams"), {"kind": "drill", "pattern": PATTERN}, follow=True)

    assert f"“{attempt.title}” is still running, and one exam is sat at a time. Here it is." in text(begun)


def test_a_form_sent_after_the_end_is_told_so(attempt, visitor):
    let_time_pass(attempt, timedelta(seconds=20))

    page = visitor.post(page_of(attempt), {"chosen": "2", "go": "next"}, follow=True)

    assert "so it is not kept" in text(page)
    assert item_of(attempt).chosen == []


@pytest.mark.parametrize("reader", ["exam", "exams", "exam_state", "changes", "progress", "export", "admin"])
def test_whoever_reads_an_overdue_exam_closes_it(attempt, learner, visitor, reader):
    let_time_pass(attempt, timedelta(seconds=61))
    boss = Client()
    boss.force_login(User.objects.create_superuser("root@example.org", "four quiet owls at noon"))
    read = {
        "exam": lambda: visitor.get(address(attempt)),
        "exams": lambda: visitor.get(reverse("exams")),
        "exam_state": lambda: visitor.get(address(attempt, "exam_state")),
        "changes": lambda: send(visitor, attempt, {"value": [2]}),
        "progress": lambda: visitor.get(reverse("progress")),
        "export": lambda: visitor.get(reverse("account_export")),
        "admin": lambda: boss.get(reverse("admin:quizzes_attempt_change", args=[attempt.pk])),
    }

    assert read[reader]().status_code == 200

    attempt.refresh_from_db()
    assert attempt.closed_at == attempt.deadline_at
    assert attempt.submitted_at is None


# The result


@pytest.fixture
def closed(attempt: Attempt) -> Attempt:
    """1 right, 2 wrong after right and guessed, 3 flagged and not answered, 4 never opened."""
    one, two = item_of(attempt, 1), item_of(attempt, 2)
    choose(attempt, 1, right(one))
    choose(attempt, 1, 150_000, sequence=2, field="spent_ms")
    choose(attempt, 2, right(two))
    choose(attempt, 2, wrong(two), sequence=2)
    choose(attempt, 2, True, sequence=3, field="guessed")
    choose(attempt, 3, True, field="flagged")
    close(attempt)
    return attempt


def test_the_result_of_few_questions_claims_no_range(closed, visitor):
    page = text(visitor.get(address(closed)))

    assert "25 % right" in page
    assert "1 of the 4 questions that count." in page
    assert "Not enough evidence" in page
    assert "A drill says how you do on one pattern." in page
    assert "Practice scale" not in page
    assert "1 of 3" in page  # at first sight: the one that was never opened is left out
    assert "2:30 min Mean of 1, against 2.0 min in the exam. 1 took longer." in page
    assert "2.2 Design highly available and/or fault-tolerant architectures 1 of 4 not enough evidence" in page
    assert "This was your first." in page


@pytest.mark.parametrize(
    ("shown", "numbers"),
    [
        ("", [1, 2, 3, 4]),
        ("nonsense", [1, 2, 3, 4]),
        ("wrong", [2]),
        ("unanswered", [3, 4]),
        ("flagged", [3]),
        ("guessed", [2]),
        ("changed", [2]),
    ],
)
def test_the_questions_of_a_result_can_be_filtered(closed, visitor, shown, numbers):
    page = visitor.get(address(closed), {"show": shown}).content.decode()

    assert [int(n) for n in re.findall(rf'href="{address(closed)}(\d+)/', page)] == numbers


def test_a_reviewed_question_shows_reasons_and_leads_through_its_filter(closed, visitor):
    page = visitor.get(page_of(closed, 3), {"show": "unanswered"})

    told = page.content.decode()
    assert "No answer." in text(page)
    assert all(option["reason"] in told for option in item_of(closed, 3).question.options)
    assert f'href="{page_of(closed, 4)}?show=unanswered" data-key="n"' in told
    assert 'data-key="p"' not in told


def test_a_question_that_was_never_opened_stays_closed_until_it_is_asked_for(closed, visitor):
    question = item_of(closed, 4).question
    before = visitor.get(page_of(closed, 4)).content.decode()

    after = visitor.post(page_of(closed, 4), {"reveal": "yes"}, follow=True).content.decode()

    assert question.stem not in before + visitor.get(address(closed)).content.decode().split("4.")[0]
    assert question.stem in after
    assert Answer.objects.get(question=question).first_exposure is False


def test_a_whole_mock_exam_has_ranges_and_a_practice_scale(learner, visitor):
    bank(t11=20, t21=20, t31=20, t41=20)
    attempt = begun(learner, Attempt.Kind.MOCK, now=timezone.now())
    for item in attempt.items.filter(scored=True)[:40]:
        choose(attempt, item.number, right(item_of(attempt, item.number)), after=timedelta(0))
    close(attempt)

    page = text(visitor.get(address(attempt)))

    assert "80 % right 40 of the 50 questions that count; 15 more did not count." in page
    assert "67 to 89 %" in page
    assert "820 of 1000" in page
    assert "Design Cost-Optimized Architectures" in page
    assert "At first sight 40 of 40" in page


def test_an_incomplete_exam_says_so_and_has_no_scale(learner, visitor):
    bank(t22=12)
    attempt = begun(learner, Attempt.Kind.SHORT, now=timezone.now())
    close(attempt)

    page = text(visitor.get(address(attempt)))

    assert "This exam was incomplete" in page
    assert "Practice scale" not in page
    assert "Short form, incomplete" in page


def test_a_later_exam_is_compared_by_first_exposures_only(closed, learner, visitor):
    again = begun(learner, Attempt.Kind.DRILL, PATTERN, now=timezone.now())
    for item in again.items.all():
        choose(again, item.number, right(item_of(again, item.number)), after=timedelta(0))
    close(again)

    page = text(visitor.get(address(again)))

    assert "100 % right" in page
    assert "This one 1 of 1 not enough evidence" in page
    assert re.search(r"Pattern drill: Circuit breaker, [^%]*? 1 of 3 not enough evidence", page)


# Cost


def long_exam(learner: User) -> Attempt:
    bank(t11=20, t21=20, t31=20, t41=20)
    attempt = begun(learner, Attempt.Kind.MOCK, now=timezone.now())
    for number in range(1, 31):
        choose(attempt, number, [number % 4], after=timedelta(0))
    return attempt


@pytest.mark.parametrize(
    ("most", "name"), [(14, "exams"), (12, "exam_item"), (8, "exam_paper"), (8, "exam_review"), (8, "exam_state")]
)
def test_a_page_of_a_running_exam_asks_the_database_no_more_for_a_long_one(
    learner, visitor, django_assert_max_num_queries, most, name
):
    attempt = long_exam(learner)
    place = reverse("exams") if name == "exams" else page_of(attempt) if name == "exam_item" else address(attempt, name)

    with django_assert_max_num_queries(most):
        assert visitor.get(place).status_code == 200


def test_saving_costs_a_handful_of_queries(learner, visitor, django_assert_max_num_queries):
    attempt = long_exam(learner)

    with django_assert_max_num_queries(9):
        assert send(visitor, attempt, {"value": [2], "sequence": 9}).json()["outcomes"] == ["kept"]


def test_a_result_costs_no_more_for_a_long_exam(learner, visitor, django_assert_max_num_queries):
    attempt = long_exam(learner)
    with django_assert_max_num_queries(25):
        visitor.post(address(attempt, "exam_submit"))

    with django_assert_max_num_queries(14):
        assert visitor.get(address(attempt)).status_code == 200
    with django_assert_max_num_queries(14):
        assert visitor.get(page_of(attempt), {"show": "wrong"}).status_code == 200


def test_beginning_costs_no_more_for_a_large_bank(visitor, django_assert_max_num_queries):
    bank(t11=60, t21=60, t31=60, t41=60)

    with django_assert_max_num_queries(25):
        visitor.post(reverse("exams"), {"kind": "mock"})

    assert AttemptItem.objects.count() == 65
    assert Question.objects.count() == 240
