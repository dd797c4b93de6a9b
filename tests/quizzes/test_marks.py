"""Flags, notes to self and reports of a problem."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from quizzes import marks
from quizzes.models import Mark, Report
from quizzes.practice import LearnerIsGone
from tests.quizzes.conftest import answer_rightly, text

HTMX = {"HX-Request": "true"}


@pytest.fixture
def feedback(choice, sit):
    """The address of a question that is answered."""
    session = sit(choice)
    answer_rightly(session, choice)
    return reverse("practice_question", args=[session.id, 1])


def test_the_flag_and_the_note_are_kept_apart(choice, learner):
    marks.keep(learner, choice, flagged=True)
    marks.keep(learner, choice, note=" half-open means probing ")
    marks.keep(learner, choice, flagged=False)

    mark = Mark.objects.get()
    assert (mark.flagged, mark.note) == (False, "half-open means probing")


def test_a_mark_that_holds_nothing_is_not_kept(choice, learner):
    marks.keep(learner, choice, flagged=True)
    marks.keep(learner, choice, flagged=False)
    marks.keep(learner, choice, note="  ")

    assert not Mark.objects.exists()


def test_a_learner_who_was_merged_away_can_mark_nothing(choice, learner):
    gone = User.objects.get(pk=learner.pk)
    learner.delete()

    with pytest.raises(LearnerIsGone):
        marks.keep(gone, choice, flagged=True)
    with pytest.raises(LearnerIsGone):
        marks.report(gone, choice, Report.Kind.KEY, "")


def test_marks_appear_with_the_feedback_and_not_before(choice, response, visitor, sit, feedback):
    before = visitor.get(reverse("practice_question", args=[sit(response).id, 1])).content.decode()

    assert 'id="marks"' not in before
    assert 'id="marks"' in visitor.get(feedback).content.decode()


def test_without_javascript_a_flag_leads_back_to_the_question(choice, visitor, feedback):
    answer = visitor.post(reverse("mark", args=[choice.id]), {"flagged": "on", "back": feedback})

    assert (answer.status_code, answer["Location"]) == (302, f"{feedback}#marks")
    assert 'aria-pressed="true"' in visitor.get(feedback).content.decode()


def test_with_htmx_the_marks_come_back_alone(choice, visitor, feedback):
    answer = visitor.post(
        reverse("mark", args=[choice.id]), {"note": "probe first", "back": feedback}, headers=HTMX
    ).content.decode()

    assert answer.lstrip().startswith("<section")
    assert "probe first</textarea>" in answer
    assert "Kept." in answer
    assert f'name="back" value="{feedback}"' in answer


def test_a_note_that_is_too_long_is_refused_and_given_back_whole(choice, visitor, feedback):
    marks_of = reverse("mark", args=[choice.id])
    note = "x\r\n" * 1000 + "the end"

    refused = visitor.post(marks_of, {"note": note, "back": feedback})
    visitor.post(marks_of, {"note": "x\r\n" * 999 + "y", "back": feedback})

    assert refused.status_code == 422
    assert "Use at most 2,000 characters; this is 2007." in refused.content.decode()
    assert "the end</textarea>" in refused.content.decode()
    assert Mark.objects.get().note == "x\n" * 999 + "y"


def test_nobody_is_led_to_another_site(choice, visitor, feedback):
    answer = visitor.post(reverse("mark", args=[choice.id]), {"flagged": "on", "back": "https://example.org/"})

    assert answer.status_code == 200
    assert "Your marks on a question" in text(answer)


def test_a_report_is_kept_and_shown_with_its_reply(choice, visitor, feedback):
    visitor.post(reverse("report", args=[choice.id]), {"kind": "key", "text": "B fits too", "back": feedback})

    report = Report.objects.get()
    assert (report.kind, report.text, report.question) == ("key", "B fits too", choice)
    assert "“B fits too”" in text(visitor.get(feedback))

    Report.objects.update(resolved_at=timezone.now(), reply="B is gone now.")
    assert "Reply: B is gone now." in text(visitor.get(feedback))


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_report_without_a_kind_gets_one_error_and_keeps_the_words(choice, visitor, feedback, headers):
    page = visitor.post(reverse("report", args=[choice.id]), {"text": "B fits too", "back": feedback}, headers=headers)

    assert page.status_code == 422
    assert text(page).count("Choose what is wrong from the list.") == 1
    assert "B fits too</textarea>" in page.content.decode()
    assert not Report.objects.exists()


def test_a_report_that_is_too_long_is_told_its_length(choice, visitor, feedback):
    page = visitor.post(reverse("report", args=[choice.id]), {"kind": "key", "text": "x" * 2_001})

    assert "Use at most 2,000 characters; this is 2001." in text(page)


def test_only_so_many_reports_wait_at_once(choice, learner, visitor, feedback):
    for _ in range(marks.MOST_OPEN_REPORTS + 1):
        visitor.post(reverse("report", args=[choice.id]), {"kind": "other", "back": feedback})

    assert Report.objects.count() == marks.MOST_OPEN_REPORTS
    assert "more can be sent once they are settled" in text(visitor.get(feedback))

    Report.objects.update(resolved_at=timezone.now())
    assert marks.report(learner, choice, Report.Kind.OTHER, "")


@pytest.mark.parametrize("name", ["mark", "report"])
def test_marks_are_for_learners_and_for_questions_there_are(choice, visitor, name):
    data = {"flagged": "on", "kind": "key"}

    assert Client().post(reverse(name, args=[choice.id]), data).status_code == 404
    assert visitor.post(reverse(name, args=["no-such-question"]), data).status_code == 404
    assert visitor.get(reverse(name, args=[choice.id])).status_code == 405
    assert not User.objects.exclude(is_guest=True).exists()


def test_the_feedback_takes_a_few_queries(choice, visitor, feedback, django_assert_max_num_queries):
    with django_assert_max_num_queries(11):
        visitor.get(feedback)
