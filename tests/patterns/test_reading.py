"""What is read and practised is kept for guests and accounts, shown, exported and merged."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.services import GUEST_SESSION_KEY, merge_guest
from patterns import keeping, reading
from patterns.catalogue import TITLES
from patterns.content import read_pages, save_pages
from patterns.models import Reading
from patterns.paths import PATHS
from patterns.reading import Done, done_by, mark
from quizzes.models import Answer, PracticeSession, Question, QuestionPattern
from tests.patterns.pages import write_page

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _pages(tmp_path):
    cache.clear()
    write_page(tmp_path)
    write_page(tmp_path, slug="timeouts", title="Timeouts")
    save_pages(read_pages(tmp_path)[0])


@pytest.fixture
def guest(client: Client) -> User:
    """A guest whose browser is `client`."""
    guest = User.objects.create_guest()
    session = client.session
    session[GUEST_SESSION_KEY] = guest.pk
    session.save()
    return guest


@pytest.fixture
def user() -> User:
    return User.objects.create_user("ada@example.org", "four quiet owls at noon")


def answered(learner: User, pattern: str) -> None:
    question = Question.objects.create(
        id=f"{pattern}-1",
        type="multiple-choice",
        stem="S",
        options=[],
        task="2.2",
        difficulty=1,
        level="apply",
        sources=[],
    )
    QuestionPattern.objects.create(question=question, pattern=pattern)
    session = PracticeSession.objects.create(learner=learner, question_ids=[question.id])
    Answer.objects.create(
        session=session,
        learner=learner,
        question=question,
        shown=[0],
        chosen=[0],
        certainty="sure",
        correct=True,
        first_exposure=True,
    )


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return str(response.content, "utf-8")


def test_marking_a_page_makes_a_guest_who_keeps_it(client):
    response = client.post("/patterns/bulkhead/read/", {"read": "1"})

    kept = Reading.objects.get()
    assert response.url == "/patterns/bulkhead/#read"
    assert (kept.slug, kept.learner.is_guest) == ("bulkhead", True)
    assert "✓ Read</span> on <time" in text_of(client.get("/patterns/bulkhead/"))
    assert "✓ Read" not in text_of(client.get("/patterns/timeouts/"))
    assert "✓ Read" not in text_of(Client().get("/patterns/bulkhead/"))


def test_a_mark_can_be_taken_back(client):
    client.post("/patterns/bulkhead/read/", {"read": "1"})

    text = text_of(client.post("/patterns/bulkhead/read/", {"read": "0"}, headers=HTMX))

    assert "Not marked as read any more." in text
    assert "Mark as read" in text
    assert Reading.objects.count() == 0


def test_htmx_gets_the_form_alone(client):
    text = text_of(client.post("/patterns/bulkhead/read/", {"read": "1"}, headers=HTMX))

    assert "<html" not in text
    assert 'value="0"' in text


def test_marking_twice_keeps_the_first_date(client, guest):
    long_ago = timezone.now() - timedelta(days=9)
    Reading.objects.create(learner=guest, slug="bulkhead", read_at=long_ago)

    client.post("/patterns/bulkhead/read/", {"read": "1"})

    assert Reading.objects.get().read_at == long_ago


def test_taking_back_what_was_never_marked_makes_no_guest(client):
    client.post("/patterns/bulkhead/read/", {"read": "0"})

    assert User.objects.count() == 0


def test_only_pages_that_are_there_can_be_marked_and_only_by_a_post(client):
    assert client.post("/patterns/saga/read/", {"read": "1"}).status_code == 404
    assert client.get("/patterns/bulkhead/read/").status_code == 405
    assert Reading.objects.count() == 0


def test_a_mark_needs_the_token_of_the_page():
    assert Client(enforce_csrf_checks=True).post("/patterns/bulkhead/read/", {"read": "1"}).status_code == 403


def test_too_many_marks_are_refused(client, monkeypatch):
    monkeypatch.setattr(reading, "MARKS", {"guest": "2/h/ip"})

    statuses = [client.post("/patterns/bulkhead/read/", {"read": "1"}).status_code for _ in range(3)]

    assert statuses == [302, 302, 429]


def test_a_guest_who_is_gone_marks_nothing_and_breaks_nothing(guest):
    gone = User.objects.get(pk=guest.pk)
    guest.delete()

    mark(gone, "bulkhead")

    assert Reading.objects.count() == 0


def test_the_library_and_the_paths_show_what_is_read_and_practised(client, guest):
    mark(guest, "bulkhead")
    answered(guest, "timeouts")

    library, overview, weekend = (
        text_of(client.get(address)) for address in ("/patterns/", "/paths/", "/paths/weekend/")
    )

    assert library.count("✓ Read") == 1
    assert "1 of 1 answered" in library
    assert overview.count("1 read") == 3
    assert weekend.count("✓ Read") == 1
    assert "1 of 1 answered" in weekend
    assert "You have read 1 of them." in weekend
    assert "Go on with Timeouts" in weekend


def test_a_stranger_sees_the_paths_without_marks(client):
    weekend = text_of(client.get("/paths/weekend/"))

    assert "Start with Timeouts" in weekend
    assert 'Failover <span class="pill">soon</span>' in weekend
    assert "✓ Read" not in weekend
    assert "Task 2.2 in a weekend" in text_of(client.get("/paths/"))


def test_whoever_has_read_everything_is_led_nowhere(client, guest):
    for slug in ("bulkhead", "timeouts"):
        mark(guest, slug)

    assert "Go on with" not in text_of(client.get("/paths/weekend/"))


def test_an_unknown_path_is_not_found(client):
    assert client.get("/paths/nonsense/").status_code == 404


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.slug)
def test_a_path_leads_through_known_pages_once_each_in_plausible_hours(path):
    assert set(path.slugs) <= set(TITLES)
    assert len(set(path.slugs)) == len(path.slugs)
    for stage in path.stages:
        assert 0.4 <= stage.hours / len(stage.slugs) <= 1


def test_the_path_for_the_whole_exam_has_every_page():
    assert set(next(path for path in PATHS if path.slug == "exam").slugs) == set(TITLES)


# A guest costs two queries more for the page's head (session, guest); where marks are shown, again the guest and the
# marks, and two of practice where that is shown.
@pytest.mark.parametrize(
    ("address", "stranger", "known"),
    [
        ("/patterns/", 1, 7),
        ("/patterns/bulkhead/", 1, 5),
        ("/paths/", 0, 6),
        ("/paths/exam/", 1, 7),
        ("/glossary/", 1, 3),
        ("/patterns/map/", 1, 3),
        ("/patterns/services/", 1, 3),
        ("/patterns/bulkhead/cheat-sheet/", 1, 3),
    ],
)
def test_queries_are_few_whatever_is_read(client, guest, django_assert_num_queries, address, stranger, known):
    for slug in TITLES:
        mark(guest, slug)
    with django_assert_num_queries(stranger):
        Client().get(address)
    with django_assert_num_queries(known):
        client.get(address)


def test_nobody_has_done_anything_without_a_query(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert done_by(None) == Done()


def test_an_export_tells_every_mark(guest, user):
    mark(guest, "bulkhead")

    kept = json.loads(json.dumps(keeping.export(guest)))

    assert [told["page"] for told in kept["read"]] == ["bulkhead"]
    assert keeping.export(user) == {"read": []}


@pytest.mark.parametrize("guest_was_first", [True, False])
def test_a_merge_moves_the_marks_and_keeps_the_earlier_of_two(guest, user, guest_was_first):
    early, late = timezone.now() - timedelta(days=2), timezone.now() - timedelta(days=1)
    Reading.objects.create(learner=guest, slug="bulkhead", read_at=early if guest_was_first else late)
    Reading.objects.create(learner=user, slug="bulkhead", read_at=late if guest_was_first else early)
    Reading.objects.create(learner=guest, slug="timeouts", read_at=late)

    merge_guest(guest, user)

    assert {(kept.slug, kept.learner, kept.read_at) for kept in Reading.objects.all()} == {
        ("bulkhead", user, early),
        ("timeouts", user, late),
    }


def test_only_those_who_marked_nothing_are_empty_handed(guest, user):
    mark(guest, "bulkhead")

    assert list(keeping.empty_handed(User.objects.all())) == [user]
