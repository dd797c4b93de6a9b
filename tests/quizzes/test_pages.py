from __future__ import annotations

import re
import uuid

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from patterns.models import Pattern
from quizzes import limits, practice
from quizzes.models import Answer, PracticeSession, Question
from quizzes.practice import order_of_options
from tests.quizzes.conftest import answer_rightly, answer_wrongly, browser_of, entry, many, save, text

HTMX = {"HX-Request": "true"}


def page_of(session: PracticeSession, number: int = 1) -> str:
    return reverse("practice_question", args=[session.id, number])


# Choosing


def test_the_form_offers_all_patterns_and_those_that_have_questions(choice, client):
    page = text(client.get(reverse("practice")))

    assert "All patterns (2)" in page
    assert "Circuit breaker (2)" in page
    assert "Bulkhead" not in page


def test_a_link_from_a_pattern_preselects_it(choice, client):
    page = client.get(reverse("practice"), {"pattern": "circuit-breaker"}).content.decode()

    assert '<option value="circuit-breaker" selected>' in page


@pytest.mark.django_db
def test_an_empty_bank_says_so_and_offers_something_else(client):
    page = client.get(reverse("practice")).content.decode()

    assert "There are no questions yet" in page
    assert reverse("patterns") in page


@pytest.mark.django_db
def test_looking_around_creates_no_guest(client):
    save(entry())

    for address in (reverse("practice"), reverse("progress"), reverse("practice_about", args=["circuit-breaker"])):
        assert client.get(address).status_code == 200

    assert not User.objects.exists()


@pytest.mark.django_db
def test_starting_makes_a_guest_and_leads_to_the_first_question(client):
    save(*many(7))

    response = client.post(reverse("practice"), {"pattern": "circuit-breaker", "length": "5"})

    session = PracticeSession.objects.get()
    assert response.headers["Location"] == page_of(session)
    assert (len(session.question_ids), session.pattern, session.learner.is_guest) == (5, "circuit-breaker", True)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"pattern": "bulkhead", "length": "5"}, "There are no questions on bulkhead yet"),
        ({"pattern": "", "length": "7"}, "7 is not one of the available choices"),
    ],
)
def test_a_choice_that_cannot_be_had_is_named_and_starts_nothing(choice, client, data, said):
    response = client.post(reverse("practice"), data)

    assert response.status_code == 422
    assert said in text(response)
    assert not PracticeSession.objects.exists()


def test_an_unfinished_session_is_offered_where_it_was_left(choice, response, visitor, sit):
    session = sit(choice, response)
    answer_rightly(session, choice)

    page = visitor.get(reverse("practice"))

    assert page_of(session, 2) in page.content.decode()


@pytest.mark.django_db
def test_guests_of_one_address_cannot_begin_without_end_and_others_can(client, monkeypatch):
    save(*many(2))
    monkeypatch.setitem(limits.STARTS, "guest", "2/h/ip")

    def begin(address="127.0.0.1"):
        client.cookies.clear()
        return client.post(reverse("practice"), {"pattern": "", "length": "5"}, REMOTE_ADDR=address)

    answers = [begin() for _ in range(3)]

    assert [answer.status_code for answer in answers] == [302, 302, 429]
    assert "New ones can begin again a little later, after an hour at most." in text(answers[2])
    assert answers[2].headers["Retry-After"] == "3600"
    assert (User.objects.count(), PracticeSession.objects.count()) == (2, 2)
    assert begin("192.0.2.7").status_code == 302


def test_an_account_cannot_begin_without_end_either_and_may_carry_on(choice, client, sit, monkeypatch):
    user = User.objects.create_user("ada@example.org", "four quiet owls at noon")
    unfinished = sit(choice, of=user)
    monkeypatch.setitem(limits.STARTS, "account", "1/h/user")
    client.force_login(user)
    data = {"pattern": "", "length": "5"}

    first, refused = (client.post(reverse("practice"), data, REMOTE_ADDR=f"192.0.2.{n}") for n in (1, 2))

    assert (first.status_code, refused.status_code) == (302, 429)
    assert "You have begun 60 sessions" in text(refused)
    latest = PracticeSession.objects.exclude(pk=unfinished.pk).get()
    assert page_of(latest) in refused.content.decode()


# Answering


def test_a_question_shows_its_stem_and_every_option_with_a_letter_in_the_order_of_the_session(choice, visitor, sit):
    session = sit(choice)

    page = visitor.get(page_of(session)).content.decode()

    assert choice.stem in page
    shown = re.findall(r'type="radio" name="chosen" value="(\d)" data-key="([a-d])"', page)
    assert shown == [(str(place), "abcd"[n]) for n, place in enumerate(order_of_options(session, choice))]


def test_nothing_gives_the_answer_away_before_it_is_made(choice, visitor, sit):
    page = visitor.get(page_of(sit(choice))).content.decode()

    assert all(option["reason"] not in page for option in choice.options)
    assert "correct" not in page


def test_without_javascript_an_answer_redirects_to_its_feedback(choice, visitor, sit):
    session = sit(choice)

    posted = visitor.post(page_of(session), {"chosen": "1", "certainty": "sure"})
    page = visitor.get(page_of(session))

    assert (posted.status_code, posted.headers["Location"]) == (302, f"{page_of(session)}#verdict")
    assert "Not right." in text(page)
    assert "wrong, and you chose it" in text(page)
    assert all(option["reason"] in page.content.decode() for option in choice.options)


def test_with_htmx_the_answer_comes_back_as_a_fragment(choice, visitor, sit):
    posted = visitor.post(page_of(sit(choice)), {"chosen": "0", "certainty": "guess"}, headers=HTMX, follow=True)

    fragment = posted.content.decode()
    assert "<html" not in fragment
    assert fragment.strip().startswith('<div id="question"')
    assert "Right." in fragment
    assert "HX-Request" in posted.headers["Vary"]


def test_feedback_links_the_sources_the_pattern_the_run_and_what_comes_next(visitor, sit):
    question, other = save(
        entry(sandbox="circuit-breaker?kind=none"), entry(id="other", stem="Other. What fails fast?")
    )
    session = sit(question, other)
    answer_rightly(session, question)

    page = visitor.get(page_of(session)).content.decode()

    assert question.sources[0]["url"] in page
    assert "23 November 2026" in page
    assert f'href="{reverse("pattern", args=["circuit-breaker"])}"' in page
    assert f'href="{reverse("sandbox", args=["circuit-breaker"])}?kind=none"' in page
    assert f'href="{page_of(session, 2)}" data-key="n"' in page


def test_a_question_without_a_run_of_its_own_leads_to_its_patterns_sandbox(visitor, sit):
    Pattern.objects.create(slug="circuit-breaker", title="Circuit breaker", order=1, sandbox="circuit-breaker")
    (question,) = save(entry())
    session = sit(question)
    answer_rightly(session, question)

    page = visitor.get(page_of(session)).content.decode()

    assert f'href="{reverse("sandbox", args=["circuit-breaker"])}"' in page


def test_after_the_last_question_comes_the_end_or_the_one_that_was_skipped(choice, response, visitor, sit):
    session = sit(choice, response)
    answer_rightly(session, response)

    skipped = visitor.get(page_of(session, 2)).content.decode()
    answer_rightly(session, choice)
    finished = visitor.get(page_of(session, 2)).content.decode()

    assert f'href="{page_of(session, 1)}" data-key="n"' in skipped
    assert f'href="{session.get_absolute_url()}" data-key="n"' in finished


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_second_click_changes_nothing_and_shows_the_first_feedback(choice, visitor, sit, headers):
    session = sit(choice)
    visitor.post(page_of(session), {"chosen": "0", "certainty": "sure"}, headers=headers)

    again = visitor.post(page_of(session), {"chosen": "1", "certainty": "guess"}, headers=headers, follow=True)
    empty = visitor.post(page_of(session), {}, headers=headers, follow=True)

    assert "Right." in text(again)
    assert "Right." in text(empty)
    assert [(kept.chosen, kept.certainty) for kept in Answer.objects.all()] == [([0], "sure")]


@pytest.mark.parametrize(
    ("chosen", "certainty", "said"),
    [
        ([], "sure", "Choose 2 options first, then say how sure you are."),
        (["0"], "sure", "You chose one option; this question asks for 2."),
        (["0", "1", "2"], "sure", "You chose 3 options; this question asks for 2."),
        (["0", "0"], "sure", "You chose one option; this question asks for 2."),
        (["0", "5"], "sure", "Option 5 is not in this question; choose from those shown."),
        (["0", "-1"], "sure", "Option -1 is not in this question"),
        (["0", "x"], "sure", "Option x is not in this question"),
        (["0", "1"], "", "Say how sure you are: press Guessing, Unsure or Sure."),
        (["0", "1"], "certain", "Say how sure you are"),
    ],
)
def test_an_answer_that_cannot_count_gets_one_error_and_keeps_what_was_chosen(
    response, visitor, sit, chosen, certainty, said
):
    session = sit(response)

    page = visitor.post(page_of(session), {"chosen": chosen, "certainty": certainty}, headers=HTMX)

    assert page.status_code == 422
    assert said in text(page)
    kept = re.findall(r'value="(\d)" data-key="[a-f]" checked', page.content.decode())
    assert sorted(kept) == sorted({value for value in chosen if value in "01234"})
    assert not Answer.objects.exists()


@pytest.mark.parametrize(
    ("chosen", "certainty", "said"),
    [
        ("0", "guess", "Right. You said you were guessing"),
        ("0", "unsure", "Right. You were unsure"),
        ("0", "sure", "Right. And you were sure of it"),
        ("1", "guess", "Not right. You said it was a guess"),
        ("1", "unsure", "Not right. You were unsure"),
        ("1", "sure", "Not right. You were sure"),
    ],
)
def test_the_verdict_answers_to_how_sure_the_learner_was(choice, visitor, sit, chosen, certainty, said):
    page = visitor.post(page_of(sit(choice)), {"chosen": chosen, "certainty": certainty}, follow=True)

    assert said in text(page)


def test_an_answer_to_a_session_that_moves_to_an_account_meanwhile_is_not_found(choice, visitor, sit, monkeypatch):
    def moved(*_):
        raise practice.LearnerIsGone

    monkeypatch.setattr(practice, "record", moved)

    assert visitor.post(page_of(sit(choice)), {"chosen": "0", "certainty": "sure"}).status_code == 404


def test_a_retired_question_can_still_be_answered_in_its_session(choice, visitor, sit):
    session = sit(choice)
    Question.objects.update(retired=True)

    page = visitor.post(page_of(session), {"chosen": "0", "certainty": "sure"}, follow=True)

    assert "Right." in text(page)


@pytest.mark.parametrize("number", [0, 2, 99])
def test_a_number_outside_the_session_is_not_found(choice, visitor, sit, number):
    assert visitor.get(page_of(sit(choice), number)).status_code == 404


def test_another_learners_session_is_not_found(choice, sit):
    session = sit(choice)
    stranger = browser_of(User.objects.create_guest())
    addresses = (page_of(session), session.get_absolute_url())

    for client in (stranger, Client()):
        assert [client.get(address).status_code for address in addresses] == [404, 404]
        assert client.post(page_of(session), {"chosen": "0", "certainty": "sure"}).status_code == 404
        assert client.post(reverse("practice_again", args=[session.id])).status_code == 404

    assert not Answer.objects.exists()


def test_a_question_that_is_gone_from_the_bank_is_not_found_and_the_session_stays_readable(choice, visitor, sit):
    (gone,) = Question.objects.exclude(pk=choice.pk)
    session = sit(choice, gone)
    gone.delete()

    asked = visitor.get(page_of(session, 2))
    session_page = visitor.get(session.get_absolute_url())

    assert asked.status_code == 404
    assert "question 2 of this session is no longer in the bank" in text(asked)
    assert page_of(session, 1) in session_page.content.decode()


def test_a_session_that_never_was_is_not_found(visitor):
    assert visitor.get(reverse("practice_session", args=[uuid.uuid4()])).status_code == 404


def test_answers_are_guarded_against_forged_requests(choice, learner, sit):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser_of(learner).cookies

    response = strict.post(page_of(sit(choice)), {"chosen": "0", "certainty": "sure"})

    assert response.status_code == 403


def test_pages_with_answers_are_kept_out_of_caches(choice, visitor, sit):
    assert "no-store" in visitor.get(page_of(sit(choice))).headers["Cache-Control"]


def test_every_htmx_attribute_carries_the_nonce_of_its_page(choice, visitor, sit):
    page = visitor.get(page_of(sit(choice)))

    (nonce,) = re.findall(r"'nonce-([^']+)'", page.headers["Content-Security-Policy"])
    assert f'hx-swap="outerHTML" hx-nonce="{nonce}"' in page.content.decode()


# Afterwards


def test_the_end_tells_the_score_and_how_each_question_went(choice, response, visitor, sit):
    session = sit(choice, response)
    answer_rightly(session, choice)
    answer_wrongly(session, response)

    page = text(visitor.get(session.get_absolute_url()))

    assert "1 of 2 right" in page
    assert "right, sure" in page
    assert "wrong, unsure" in page
    assert "Sign up to keep this" in page


def test_a_session_half_way_says_how_far_it_is_and_where_to_go_on(choice, response, visitor, sit):
    session = sit(choice, response)
    answer_rightly(session, choice)

    page = visitor.get(session.get_absolute_url())

    assert "1 of 2 answered" in text(page)
    assert "not answered yet" in text(page)
    assert page_of(session, 2) in page.content.decode()


def test_the_wrong_ones_can_be_practised_again(choice, response, visitor, sit):
    session = sit(choice, response)
    answer_rightly(session, choice)
    answer_wrongly(session, response)

    posted = visitor.post(reverse("practice_again", args=[session.id]))

    new = PracticeSession.objects.exclude(pk=session.pk).get()
    assert posted.headers["Location"] == page_of(new)
    assert new.question_ids == [response.id]


def test_with_nothing_wrong_there_is_nothing_to_practise_again(choice, visitor, sit):
    session = sit(choice)
    answer_rightly(session, choice)

    posted = visitor.post(reverse("practice_again", args=[session.id]))

    assert posted.headers["Location"] == session.get_absolute_url()
    assert PracticeSession.objects.count() == 1


def test_practising_the_wrong_ones_again_counts_as_a_start(choice, visitor, sit, monkeypatch):
    session = sit(choice)
    answer_wrongly(session, choice)
    monkeypatch.setitem(limits.STARTS, "guest", "1/h/ip")

    answers = [visitor.post(reverse("practice_again", args=[session.id])) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 429]


# On a pattern's page


def test_a_pattern_page_gets_a_fragment_with_counts_and_a_start(choice, response, visitor, sit):
    answer_rightly(sit(choice), choice)

    fragment = visitor.get(reverse("practice_about", args=["circuit-breaker"]), headers=HTMX)

    assert "<html" not in fragment.content.decode()
    assert "2 questions on this pattern" in text(fragment)
    assert "met 1 and had 1 right at first sight" in text(fragment)
    assert f'action="{reverse("practice")}"' in fragment.content.decode()


def test_the_same_address_is_a_whole_page_for_a_plain_link(choice, client):
    page = client.get(reverse("practice_about", args=["circuit-breaker"]))

    assert "Questions on Circuit breaker" in text(page)
    assert "You have not tried any yet" in text(page)


@pytest.mark.django_db
def test_a_pattern_without_questions_says_so_and_an_unknown_one_is_not_found(client):
    assert "no questions on this pattern yet" in text(client.get(reverse("practice_about", args=["saga"])))
    assert client.get(reverse("practice_about", args=["sagas"])).status_code == 404
