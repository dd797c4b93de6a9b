"""Kept experiments: saved from an address, opened as they were, changed with care, nobody else's."""

from __future__ import annotations

import json
import re
from html import unescape
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve, reverse

from accounts.models import User
from accounts.services import GUEST_SESSION_KEY, export, merge_guest
from sandboxes import addresses, experiments, keeping, limits, naming
from sandboxes.models import NOTE_LENGTH, TITLE_LENGTH, Experiment
from sandboxes.services import Run
from sandboxes.simulations import catalogue
from sandboxes.views import experiments as views
from tests.sandboxes.test_views import first

LIST = "/sandboxes/experiments/"
BREAKER = "/sandboxes/circuit-breaker/"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _unlimited(db):
    cache.clear()


@pytest.fixture
def learner(db):
    return User.objects.create_guest()


@pytest.fixture
def visitor(learner):
    return browser_of(learner)


@pytest.fixture
def user(db):
    return User.objects.create_user("ada@example.org", "four quiet owls at noon")


def browser_of(guest):
    client = Client()
    session = client.session
    session[GUEST_SESSION_KEY] = guest.pk
    session.save()
    return client


def kept(learner, address=f"{BREAKER}?dead_s=12", title="Twelve seconds", note=""):
    return experiments.keep(learner, experiments.read(address), title, note)


def fields(address=f"{BREAKER}?dead_s=12", title="Twelve seconds", note="Shorter."):
    return {"address": address, "title": title, "note": note}


def text(response):
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def run(**params):
    seed = params.pop("seed", 1)
    simulation = catalogue.simulation("circuit-breaker")
    return Run(simulation, simulation.parse(params), seed)


# Addresses


def test_no_sandbox_is_hidden_behind_the_pages_of_experiments():
    for simulation in catalogue.CATALOGUE:
        assert resolve(reverse("sandbox", args=[simulation.slug])).url_name == "sandbox"


def test_an_address_is_kept_with_every_parameter_its_seed_and_the_rest_of_its_query():
    place = experiments.read(f"{BREAKER}?dead_s=12&seed=7&baseline=dead_s%3D5%26kind%3Dnone&x=1&x=2&embed=1")

    assert place.run.settings == run(dead_s=12).settings
    assert place.run.seed == 7
    assert place.page == "run"
    assert dict(QueryDict(place.extras).lists()) == {"baseline": ["dead_s=5&kind=none"], "x": ["1", "2"]}


@pytest.mark.parametrize(
    ("address", "page"),
    [
        (f"{BREAKER}?dead_s=12&seed=7", "run"),
        (f"{BREAKER}?dead_s=12&seed=7&baseline=dead_s%3D5", "run"),
        (f"{BREAKER}replications/?dead_s=12&runs=50", "replications"),
        (f"{BREAKER}sweep/?dead_s=12&of=p95_ms&along=dead_s", "sweep"),
        (BREAKER, "run"),
    ],
)
def test_opening_leads_to_the_address_that_was_saved(learner, address, page):
    experiment = kept(learner, address)
    experiment.refresh_from_db()
    opened = experiments.reopen(experiment)

    path, _, query = opened.address.partition("?")
    assert (path, QueryDict(query)) == (address.partition("?")[0], QueryDict(address.partition("?")[2]))
    assert (experiment.page, opened.problems) == (page, [])


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("", "does not say which run to save"),
        ("https://elsewhere.example/sandboxes/circuit-breaker/", "not the address of a run"),
        ("//elsewhere.example/sandboxes/circuit-breaker/", "not the address of a run"),
        ("/practice/", "not the address of a run"),
        ("/sandboxes/", "not the address of a run"),
        (f"{BREAKER}other/", "not the address of a run"),
        (f"{BREAKER}sweep/more/", "not the address of a run"),
        ("/sandboxes/perpetual-motion/", "There is no sandbox called perpetual-motion."),
        (f"{BREAKER}?dead_s=9999", "“Then dead for” is 9999; use 0 to 300."),
        (f"{BREAKER}?baseline={'b' * 4001}", "use 4,000"),
    ],
)
def test_what_is_no_run_is_refused_and_what_was_written_is_kept(client, address, says):
    response = client.post(LIST, fields(address, "My title", "My note"))

    assert response.status_code == 422
    assert says in text(response)
    assert "My note" in response.content.decode()
    assert 'value="My title"' in response.content.decode()
    assert not Experiment.objects.exists()
    assert not User.objects.exists()


def test_a_later_change_of_defaults_changes_no_kept_experiment(learner, monkeypatch):
    experiment = kept(learner, BREAKER)
    simulation = catalogue.simulation("circuit-breaker")
    monkeypatch.setattr(simulation.params.model_fields["dead_s"], "default", 99)
    simulation.params.model_rebuild(force=True)
    # A process works them out once.
    monkeypatch.delitem(vars(simulation), "defaults", raising=False)
    try:
        opened = experiments.reopen(experiment)
    finally:
        vars(simulation).pop("defaults", None)
        monkeypatch.undo()
        simulation.params.model_rebuild(force=True)

    assert opened.address == f"{BREAKER}?dead_s=35"
    assert [(setting.label, setting.words) for setting in opened.settings] == [("Then dead for", "35 s")]


def test_what_no_longer_fits_is_told_and_the_rest_can_be_opened(learner):
    experiment = kept(learner, f"{BREAKER}?dead_s=12")
    experiment.params |= {"failure_rate_threshold": 120, "bulkhead_size": 3}
    experiment.save()

    opened = experiments.reopen(experiment)
    page = text(browser_of(learner).get(LIST))

    assert opened.address == f"{BREAKER}?dead_s=12"
    assert opened.problems == [
        "bulkhead_size is no longer a knob of this sandbox.",
        "“Failure rate threshold” is 120; use 1 to 100.",
    ]
    assert all(problem in page for problem in opened.problems)
    assert "Open what fits" in page


def test_settings_that_no_longer_fit_together_lead_to_the_sandbox_that_says_so(learner, client):
    experiment = kept(learner)
    experiment.params |= dict.fromkeys(["healthy_s", "slow_s", "dead_s", "failing_s"], 300) | {
        "arrival_rate_per_s": 2000
    }
    experiment.save()

    opened = experiments.reopen(experiment)
    response = client.get(opened.address)

    assert "fewer arrivals, or a shorter run" in opened.problems[0]
    assert response.status_code == 400
    assert "fewer arrivals, or a shorter run" in text(response)


def test_an_experiment_outlives_its_sandbox(learner, visitor):
    experiment = kept(learner, title="Remember me")
    Experiment.objects.update(slug="retired")

    page = visitor.get(LIST)

    assert "The sandbox retired is no longer here" in text(page)
    assert "Remember me" in text(page)
    assert 'href="/sandboxes/retired/' not in page.content.decode()
    assert visitor.post(reverse("experiment_delete", args=[experiment.id])).status_code == 302


def test_an_experiment_of_an_earlier_version_says_that_numbers_may_differ(learner, visitor):
    kept(learner)
    assert "earlier version" not in text(visitor.get(LIST))

    Experiment.objects.update(version=1)

    assert "earlier version of this simulation" in text(visitor.get(LIST))


# Titles


@pytest.mark.parametrize(
    ("params", "title"),
    [
        ({}, "A dead dependency"),
        ({"wait_duration_in_open_state_s": 30}, "Wait while open 30 s"),
        ({"wait_duration_in_open_state_s": 30, "kind": "none", "dead_s": 50}, "No breaker, then dead for 50 s"),
        ({"seed": 7}, "A dead dependency, seed 7"),
        ({"healthy_p99_to_median": 9, "dead_s": 5}, "Then dead for 5 s, p99 over median 9 ×"),
        ({"automatic_transition_from_open_to_half_open_enabled": True}, "Half-open by timer on"),
        (
            {"dead_s": 1, "healthy_s": 2, "recovered_s": 3, "arrival_rate_per_s": 4, "seed": 5},
            "Healthy for 2 s, then dead for 1 s, then recovered for 3 s and 2 more",
        ),
    ],
)
def test_a_title_says_what_is_turned_and_has_an_effect(params, title):
    assert naming.title(run(**params)) == title


def test_each_scenario_is_titled_by_its_name_and_a_turn_away_from_it_by_both():
    for scenario in catalogue.simulation("circuit-breaker").scenarios:
        assert naming.title(run(**scenario.params)) == scenario.title
    slow = next(s for s in catalogue.simulation("circuit-breaker").scenarios if s.slug == "slow-not-dead")

    assert naming.title(run(**{**slow.params, "failure_rate_threshold": 70})) == (
        "Slow, not dead, failure rate threshold 70 %"
    )


def test_a_title_fits_its_row_whatever_knobs_are_called():
    phrases = ["x" * 70, "y" * 70, "z" * 70]

    assert naming._listed("", phrases) == "x" * 70 + " and 2 more"
    assert len(naming._listed("n" * 200, phrases)) == TITLE_LENGTH
    assert naming._listed("", ["x" * 130]) == "1 knob turned"


def test_a_sandbox_offers_to_save_the_run_on_show_under_its_title(client, worker):
    page = client.get(
        BREAKER, {"dead_s": "12", "healthy_s": "2", "arrival_rate_per_s": "20"}, headers=HTMX
    ).content.decode()

    assert first(r'name="address" value="([^"]*)"', page) == (
        "/sandboxes/circuit-breaker/?healthy_s=2&amp;dead_s=12&amp;arrival_rate_per_s=20"
    )
    assert 'value="Healthy for 2 s, then dead for 12 s, arrivals 20 req/s"' in page
    assert not User.objects.exists()


# Saving


def test_saving_makes_a_stranger_a_guest_and_nothing_before_does(client):
    client.get(LIST)
    assert not User.objects.exists()

    response = client.post(LIST, fields(), follow=True)

    saved = Experiment.objects.get()
    assert saved.learner.is_guest
    assert (saved.title, saved.note, saved.params["dead_s"]) == ("Twelve seconds", "Shorter.", 12)
    assert response.redirect_chain == [(f"{LIST}#experiment-{saved.id}", 302)]
    assert "“Twelve seconds” is saved." in text(response)
    assert f'href="{BREAKER}?dead_s=12"' in response.content.decode()


def test_htmx_is_answered_in_place(client):
    response = client.post(f"{LIST}?scope=try-2", fields(), headers=HTMX)

    assert response.status_code == 201
    assert "<html" not in response.content.decode()
    assert 'id="try-2-saved"' in response.content.decode()
    assert f"{LIST}#experiment-{Experiment.objects.get().id}" in response.content.decode()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"title": "t" * (TITLE_LENGTH + 1)}, "The title has 121 characters; use at most 120."),
        ({"note": "n" * (NOTE_LENGTH + 1)}, "The note has 2001 characters; use at most 2,000."),
        ({"title": "  "}, "Give this experiment a title."),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_what_is_too_long_or_missing_is_told_once_and_kept_as_typed(client, words, says, headers):
    response = client.post(LIST, {**fields(), **words}, headers=headers)
    page = response.content.decode()

    assert response.status_code == 422
    assert says in text(response)
    assert page.count(says) == 2  # in the summary and beside the field
    assert words.get("note", "Shorter.") in page
    assert words.get("title", "Twelve seconds") in page
    assert not Experiment.objects.exists()
    assert ("<details" in page and " open>" in page) is bool(headers)


def test_a_line_break_counts_as_the_one_character_it_is(client):
    note = "\r\n".join(["x"] * (NOTE_LENGTH // 2))

    client.post(LIST, fields(note=note))

    assert Experiment.objects.get().note == note.replace("\r\n", "\n")


def test_hostile_words_are_shown_as_text(client):
    page = client.post(LIST, fields(title="<script>alert(1)</script>", note="<img src=x>"), follow=True)

    assert b"<script>alert" not in page.content
    assert b"<img src=x" not in page.content


def test_the_same_experiment_saved_twice_is_kept_once(client):
    for _ in range(2):
        client.post(LIST, fields())
    client.post(LIST, fields(note="Another thought."))
    client.post(LIST, fields(address=f"{BREAKER}?dead_s=13"))

    assert Experiment.objects.count() == 3


def test_one_learner_keeps_so_many_and_loses_nothing_of_the_next(visitor, learner, monkeypatch):
    monkeypatch.setattr(experiments, "MOST_EXPERIMENTS", 2)
    for number in range(2):
        kept(learner, title=f"Number {number}")

    refused = visitor.post(LIST, fields(title="One more", note="A thought."))
    Experiment.objects.get(title="Number 0").delete()
    accepted = visitor.post(LIST, fields(title="One more", note="A thought."))

    assert refused.status_code == 422
    assert "Delete one you no longer need" in text(refused)
    assert "A thought." in text(refused)
    assert accepted.status_code == 302


def test_guests_of_one_address_cannot_save_without_end_and_others_can(client, monkeypatch):
    monkeypatch.setitem(limits.SAVES, "guest", "2/h/ip")

    def save(number, address="127.0.0.1"):
        client.cookies.clear()
        return client.post(LIST, fields(title=f"Number {number}", note="A thought."), REMOTE_ADDR=address)

    answers = [save(number) for number in range(3)]

    assert [answer.status_code for answer in answers] == [302, 302, 429]
    assert answers[2]["Retry-After"] == "3600"
    assert "after an hour at most" in text(answers[2])
    assert "A thought." in text(answers[2])
    assert (User.objects.count(), Experiment.objects.count()) == (2, 2)
    assert save(3, "192.0.2.7").status_code == 302


def test_who_was_merged_while_saving_is_asked_to_save_once_more(visitor, learner, monkeypatch):
    ghost = SimpleNamespace(pk=learner.pk + 1000)
    monkeypatch.setattr(views, "learner_for", lambda request: ghost)

    response = visitor.post(LIST, fields(note="A thought."))

    assert response.status_code == 422
    assert "Nothing is lost: save once more." in text(response)
    assert "A thought." in text(response)


# The notebook


def test_an_empty_notebook_says_what_to_do(client):
    page = client.get(LIST)

    assert "An empty notebook" in text(page)
    assert "no-store" in page["Cache-Control"]


def test_the_newest_comes_first_with_its_note_and_settings(visitor, learner):
    kept(learner, title="Earlier")
    kept(learner, f"{BREAKER}?kind=none&seed=7&baseline=dead_s%3D5", "Later", "First line\n\nSecond")

    page = visitor.get(LIST)
    words = text(page)

    assert words.index("Later") < words.index("Earlier")
    assert "Opens on No breaker Seed 7" in words
    assert "with a baseline" in words
    assert "<p>First line</p>" in page.content.decode()


def test_a_full_notebook_takes_as_few_queries_as_a_short_one(visitor, learner):
    kept(learner, title="One")
    with CaptureQueriesContext(connection) as short:
        visitor.get(LIST)
    for number in range(views.ON_A_PAGE + 3):
        kept(learner, title=f"Number {number}")

    with CaptureQueriesContext(connection) as full:
        newest = visitor.get(LIST)
    oldest = visitor.get(LIST, {"page": "2"})

    assert len(full) == len(short) <= 5
    assert newest.content.decode().count("<article") == views.ON_A_PAGE
    assert oldest.content.decode().count("<article") == 4
    assert 'href="?page=2"' in newest.content.decode()


def test_the_library_and_the_account_lead_to_the_notebook(client, visitor):
    assert f'href="{LIST}"' in client.get("/sandboxes/").content.decode()
    assert f'href="{LIST}"' in visitor.get(reverse("account")).content.decode()


# Changing and deleting


def changes(experiment, **words):
    return {
        "title": experiment.title,
        "note": experiment.note,
        "changed_at": experiment.changed_at.isoformat(),
        **words,
    }


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_title_and_note_are_changed_in_place(visitor, learner, headers):
    experiment = kept(learner)

    response = visitor.post(experiment.get_absolute_url(), changes(experiment, title="New", note="N"), headers=headers)

    experiment.refresh_from_db()
    assert (experiment.title, experiment.note) == ("New", "N")
    assert experiment.changed_at > experiment.created_at
    assert response.status_code == (200 if headers else 302)


def test_the_form_in_the_page_knows_the_last_change_exactly(visitor, learner):
    experiment = kept(learner)
    page = visitor.get(experiment.get_absolute_url()).content.decode()
    seen = first(r'name="changed_at" value="([^"]*)"', page)

    visitor.post(experiment.get_absolute_url(), {"title": "New", "note": "", "changed_at": unescape(seen)})

    experiment.refresh_from_db()
    assert experiment.title == "New"


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_an_older_tab_overwrites_nothing_and_loses_nothing(visitor, learner, headers):
    experiment = kept(learner)
    older = changes(experiment, title="From the older tab", note="Typed there.")
    visitor.post(experiment.get_absolute_url(), changes(experiment, title="From the newer tab"))

    conflict = visitor.post(experiment.get_absolute_url(), older, headers=headers)

    experiment.refresh_from_db()
    assert (conflict.status_code, experiment.title) == (409, "From the newer tab")
    assert "From the newer tab" in text(conflict)
    assert "Typed there." in text(conflict)
    assert 'value="From the older tab"' in conflict.content.decode()
    again = visitor.post(experiment.get_absolute_url(), changes(experiment, title="From the older tab"))
    experiment.refresh_from_db()
    assert (again.status_code, experiment.title) == (302, "From the older tab")


def test_the_same_change_sent_twice_is_no_conflict(visitor, learner):
    experiment = kept(learner)
    change = changes(experiment, title="New")

    answers = [visitor.post(experiment.get_absolute_url(), change).status_code for _ in range(2)]

    assert answers == [302, 302]


@pytest.mark.parametrize("words", [{"title": ""}, {"note": "n" * 2001}, {"changed_at": "yesterday"}])
def test_a_change_that_cannot_be_saved_shows_the_open_form_again(visitor, learner, words):
    experiment = kept(learner, note="As it was")

    response = visitor.post(experiment.get_absolute_url(), changes(experiment, **{"note": "Typed", **words}))

    experiment.refresh_from_db()
    assert response.status_code == 422
    assert experiment.note == "As it was"
    assert words.get("note", "Typed") in response.content.decode()


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_deleting_removes_one_and_says_so(visitor, learner, headers):
    experiment, other = kept(learner), kept(learner, title="Another")

    response = visitor.post(reverse("experiment_delete", args=[experiment.id]), headers=headers, follow=True)

    assert list(Experiment.objects.all()) == [other]
    assert "“Twelve seconds” is deleted." in text(response)


def test_a_link_deletes_nothing(visitor, learner):
    experiment = kept(learner)

    assert visitor.get(reverse("experiment_delete", args=[experiment.id])).status_code == 405
    assert Experiment.objects.exists()


@pytest.mark.parametrize("who", ["stranger", "guest", "account"])
def test_another_learners_experiment_does_not_exist(learner, user, who):
    experiment = kept(learner, title="Private thought")
    client = browser_of(User.objects.create_guest()) if who == "guest" else Client()
    if who == "account":
        client.force_login(user)
    address = experiment.get_absolute_url()

    answers = [
        client.get(address),
        client.post(address, changes(experiment, title="Mine now")),
        client.post(f"{address}delete/"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert "Private thought" not in text(client.get(LIST))
    experiment.refresh_from_db()
    assert experiment.title == "Private thought"


# Keeping


def test_an_export_tells_every_experiment_whole(learner, user):
    experiment = kept(learner, f"{BREAKER}?dead_s=12&seed=7&baseline=dead_s%3D5", note="Why?")

    (told,) = json.loads(json.dumps(export(learner)))["sandboxes"]["experiments"]

    assert told["params"] == run(dead_s=12).settings
    assert (told["title"], told["note"], told["seed"]) == ("Twelve seconds", "Why?", 7)
    assert told["address"] == f"{BREAKER}?dead_s=12&seed=7&baseline=dead_s%3D5"
    assert told["saved_at"] == experiment.created_at.isoformat()
    assert keeping.export(user) == {"experiments": []}


def test_a_merge_moves_experiments_also_beyond_what_one_may_save(learner, user, monkeypatch):
    monkeypatch.setattr(experiments, "MOST_EXPERIMENTS", 2)
    for person in (learner, user):
        for number in range(2):
            kept(person, title=f"Number {number}")

    merge_guest(learner, user)

    assert Experiment.objects.filter(learner=user).count() == 4


def test_signing_up_keeps_the_experiments_of_a_guest(visitor, learner):
    experiment = kept(learner)

    visitor.post(reverse("account_signup"), {"email": "new@example.org", "password1": "four quiet owls at noon"})

    assert experiment.title in text(visitor.get(LIST))
    assert Experiment.objects.get().learner.email == "new@example.org"


def test_whoever_saved_something_is_not_empty_handed(learner, user):
    kept(learner)

    assert list(keeping.empty_handed(User.objects.all())) == [user]


def test_an_experiment_goes_with_its_learner(learner):
    kept(learner)

    learner.delete()

    assert not Experiment.objects.exists()


def test_the_admin_shows_experiments_and_changes_none(learner):
    experiment = kept(learner)
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.org", "four quiet owls at noon"))
    address = reverse("admin:sandboxes_experiment_change", args=[experiment.pk])

    assert client.get(reverse("admin:sandboxes_experiment_changelist"), {"q": "Twelve"}).status_code == 200
    assert client.get(address).status_code == 200
    assert client.post(address, {"title": "Mine"}).status_code == 403
    assert client.get(reverse("admin:sandboxes_experiment_add")).status_code == 403


def test_the_query_of_an_address_ends_with_what_is_no_parameter(learner):
    experiment = kept(learner, f"{BREAKER}?baseline=kind%3Dnone&dead_s=12")

    assert experiments.reopen(experiment).address == addresses.address(run(dead_s=12)) + "&baseline=kind%3Dnone"
