"""Every table can be looked at in the admin, with rows in it."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from patterns.models import LoadedContent, Pattern, Reading
from quizzes import attempts
from quizzes.models import Mark, Report, StudySettings
from sandboxes.models import Experiment
from tests.quizzes.conftest import answer_rightly
from tests.quizzes.exams import choose, item_of, right, sit_exam

OURS = ("accounts", "patterns", "quizzes", "sandboxes")
MODELS = [model for app in OURS for model in apps.get_app_config(app).get_models()]
REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)


def page(model: type[Model], name: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


@pytest.fixture
def root(db) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.org", "four quiet owls at noon"))
    return client


@pytest.fixture
def house(db, learner, choice, sit) -> None:
    """A row, or more, of everything of ours."""
    answer_rightly(sit(choice), choice)
    Mark.objects.create(learner=learner, question=choice, note="look again")
    Report.objects.create(learner=learner, question=choice, kind="key", text="Is it?")
    StudySettings.objects.create(learner=learner)
    attempt = sit_exam(learner, now=timezone.now())
    item = item_of(attempt)
    attempts.open_item(item)
    choose(attempt, 1, right(item))
    Pattern.objects.create(slug="saga", title="Saga", category="x", order=1, summary="x")
    Reading.objects.create(learner=learner, slug="saga")
    LoadedContent.objects.create(name="all", fingerprint="x")
    Experiment.objects.create(learner=learner, slug="circuit-breaker", title="Mine", version=1, params={}, seed=1)


def test_every_model_of_ours_is_there():
    assert {model._meta.label for model in MODELS} - {model._meta.label for model in REGISTERED} == set()


def test_the_house_of_these_tests_has_a_row_of_each(house):
    assert [model._meta.label for model in MODELS if not model._default_manager.exists()] == []


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label)
def test_its_list_and_the_page_of_a_row_open(root, house, model, django_assert_max_num_queries):
    with django_assert_max_num_queries(16):
        listed = root.get(page(model, "changelist"))
    found = root.get(page(model, "changelist"), {"q": "circuit"})

    assert (listed.status_code, found.status_code) == (200, 200)
    for row in model._default_manager.all()[:1]:
        assert root.get(page(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", [model for model in MODELS if model._meta.app_label == "quizzes"])
def test_what_learners_did_is_not_changed_by_hand(root, house, model):
    if model is Report:
        return
    row = model._default_manager.all()[:1].get()

    assert root.post(page(model, "change", row.pk), {}).status_code == 403
    assert root.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert root.get(page(model, "add")).status_code == 403


def test_a_report_is_answered_and_settled(root, house):
    report = Report.objects.get()

    root.post(page(Report, "change", report.pk), {"reply": "It is.", "resolved_at_0": "", "resolved_at_1": ""})
    root.post(page(Report, "changelist"), {"action": "settle", "_selected_action": [report.pk]})

    report.refresh_from_db()
    assert report.reply == "It is."
    assert report.text == "Is it?"
    assert report.resolved_at


def test_open_reports_are_found_by_the_filter(root, house):
    open_ones = root.get(page(Report, "changelist"), {"resolved_at__isempty": "1"})
    settled = root.get(page(Report, "changelist"), {"resolved_at__isempty": "0"})

    assert "1 report" in open_ones.content.decode()
    assert "0 reports" in settled.content.decode()
