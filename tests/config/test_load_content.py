"""`manage.py load_content`: everything is loaded, or nothing. A start goes on with what there is."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command

from accounts.models import User
from config.management.commands import load_content, prepare
from patterns.models import LoadedContent, Pattern
from quizzes.models import Answer, PracticeSession, Question
from tests.patterns.pages import write_page, write_well

pytestmark = pytest.mark.django_db

QUESTION = {
    "id": "bulkhead-01",
    "type": "multiple-choice",
    "stem": "A shop shares one pool of threads between two services. One hangs. What keeps the other served?",
    "options": [
        {"text": "A pool of its own for each service.", "correct": True, "reason": "Only its own pool can run out."},
        {"text": "A larger pool for both together.", "reason": "It runs out a little later, for both of them."},
        {"text": "A longer timeout on every call.", "reason": "Each stuck call then holds its thread longer."},
        {"text": "More retries on every failed call.", "reason": "Each of them takes another thread from the pool."},
    ],
    "patterns": ["bulkhead"],
    "task": "2.2",
    "difficulty": 1,
    "level": "apply",
    "sources": [{"title": "The guide", "url": "https://docs.example.com/bulkhead", "checked": "2026-11-01"}],
}


@pytest.fixture
def pages(tmp_path, monkeypatch):
    folder = tmp_path / "pages"
    folder.mkdir()
    monkeypatch.setattr(load_content, "PAGES", folder)
    write_well(folder)
    return folder


@pytest.fixture
def bank(tmp_path, monkeypatch):
    folder = tmp_path / "bank"
    folder.mkdir()
    monkeypatch.setattr(load_content, "BANK", folder)
    write_bank(folder, QUESTION)
    return folder


def write_bank(folder: Path, *questions: dict[str, Any]) -> None:
    (folder / "bulkhead.yaml").write_text(yaml.safe_dump({"questions": list(questions)}))


def load(*options: str) -> tuple[Any, str, str]:
    """(exit code, standard output, standard error)"""
    out, err = StringIO(), StringIO()
    try:
        call_command("load_content", *options, stdout=out, stderr=err)
    except SystemExit as stop:
        return stop.code, out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def rows() -> tuple[int, int, int]:
    return Pattern.objects.count(), Question.objects.count(), LoadedContent.objects.count()


def test_pages_and_questions_are_loaded_with_one_line_of_counts(pages, bank):
    code, out, err = load()

    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    assert "Pages: 1 new" in out
    assert "Questions: 1 new" in out
    assert rows() == (1, 1, 1)


def test_a_second_start_reads_nothing(pages, bank, monkeypatch, django_assert_num_queries):
    load()
    monkeypatch.setattr(load_content, "read_all", lambda *folders: pytest.fail("read again"))

    with django_assert_num_queries(2):
        code, out, _ = load()

    assert code == 0
    assert "unchanged" in out


def test_a_changed_page_is_loaded_again(pages, bank):
    load()
    write_page(pages, title="Bulkheads")

    _, out, _ = load()

    assert "Pages: 0 new, 1 changed" in out
    assert Pattern.objects.get().title == "Bulkheads"


def test_check_names_what_is_badly_written_and_loading_lets_it_pass(pages, bank):
    write_page(pages)

    code, _, err = load("--check")

    assert code == 1
    assert "bulkhead.md: body: has no diagram; give at least one" in err
    assert load()[0] == 0


def test_check_writes_nothing_when_all_is_well(pages, bank):
    code, out, _ = load("--check")

    assert (code, out) == (0, "Content is sound: 1 pages, 1 questions.\n")
    assert rows() == (0, 0, 0)


@pytest.mark.parametrize("options", [[], ["--check"]])
def test_a_broken_page_is_named_and_no_question_is_loaded(pages, bank, options):
    write_page(pages, tasks=["9.9"])

    code, out, err = load(*options)

    assert (code, out) == (1, "")
    assert err.startswith("bulkhead.md: tasks: there is no task 9.9")
    assert rows() == (0, 0, 0)


@pytest.mark.parametrize("options", [[], ["--check"]])
def test_a_broken_bank_is_named_and_no_page_is_loaded(pages, bank, options):
    write_bank(bank, {**QUESTION, "task": "9.9"})

    code, out, err = load(*options)

    assert (code, out) == (1, "")
    assert err.startswith("bulkhead.yaml: ")
    assert rows() == (0, 0, 0)


def test_a_failure_while_saving_the_bank_takes_the_pages_back(pages, bank, monkeypatch):
    def burst(questions):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("quizzes.bank.save_bank", burst)

    with pytest.raises(RuntimeError, match="disk"):
        load()

    assert rows() == (0, 0, 0)


def test_a_question_about_a_page_that_is_not_there_is_named(pages, bank):
    write_bank(bank, {**QUESTION, "patterns": ["no-such-thing"]})

    code, _, err = load()

    assert code == 1
    assert "no-such-thing" in err


def answer_the_question() -> None:
    learner = User.objects.create_guest()
    Answer.objects.create(
        session=PracticeSession.objects.create(learner=learner, question_ids=["bulkhead-01"]),
        learner=learner,
        question=Question.objects.get(),
        shown=[0, 1, 2, 3],
        chosen=[0],
        certainty="sure",
        correct=True,
        first_exposure=True,
    )


def test_a_start_goes_on_with_the_old_content_when_an_answered_question_has_changed(pages, bank, capsys):
    load()
    answer_the_question()
    write_bank(bank, {**QUESTION, "stem": f"{QUESTION['stem']} Think of threads."})

    prepare.load_content()

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Halfopen keeps the content it has, because the new one cannot be loaded: bulkhead.yaml: ")
    assert "bulkhead-01: has answers" in line
    assert Question.objects.get().stem == QUESTION["stem"]
    assert load()[0] == 1


def test_a_start_goes_on_with_the_old_content_when_a_page_is_broken(pages, bank, capsys):
    load()
    write_page(pages, tasks=["9.9"], order=-1)

    prepare.load_content()

    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be loaded: bulkhead.md: " in line
    assert line.endswith("(and 2 more; `manage.py load_content` names them)")
    assert Pattern.objects.count() == 1


def test_a_first_start_without_sound_content_is_refused(pages, bank):
    write_page(pages, tasks=["9.9"])

    with pytest.raises(SystemExit, match=r"bulkhead\.md: tasks: there is no task 9\.9"):
        prepare.load_content()
