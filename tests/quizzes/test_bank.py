from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from patterns.content import Finding
from quizzes.bank import AnsweredQuestionChanged, BankQuestion, Counts, read_bank, save_bank
from quizzes.models import Question, QuestionPattern
from tests.quizzes.conftest import CHOICE, RESPONSE, answer_rightly, entry, save, write_bank

SLUGS = {"circuit-breaker", "bulkhead"}


def findings(folder: Path) -> list[tuple[str, str]]:
    return [(finding.where, finding.message) for finding in read_bank(folder, SLUGS)[1]]


def test_a_sound_bank_has_no_findings(tmp_path):
    write_bank(tmp_path, entry(), entry(RESPONSE))

    questions, found = read_bank(tmp_path, SLUGS)

    assert [question.id for question in questions] == ["circuit-breaker-01", "circuit-breaker-02"]
    assert found == ()


def test_the_bank_that_is_shipped_is_sound():
    pages = {path.stem for path in (settings.BASE_DIR / "patterns" / "content").glob("*.md")}

    questions, found = read_bank(settings.BASE_DIR / "quizzes" / "content", pages)

    assert questions
    assert found == ()


def test_a_finding_names_the_file_the_question_and_the_field(tmp_path):
    write_bank(tmp_path, entry(difficulty=4), name="breakers.yaml")

    _, found = read_bank(tmp_path, SLUGS)

    message = "is '4': input should be less than or equal to 3"
    assert found == (Finding("breakers.yaml", "circuit-breaker-01: difficulty", message),)


@pytest.mark.parametrize(
    ("changes", "where", "said"),
    [
        ({"task": "2.9"}, "task", "2.9 is not a task of the exam guide"),
        (
            {"patterns": ["circuit-braker"]},
            "patterns",
            "circuit-braker is not a pattern; use bulkhead, circuit-breaker",
        ),
        ({"patterns": ["bulkhead", "bulkhead"]}, "patterns", "names a pattern twice"),
        ({"sources": []}, "sources", "is empty; name at least one"),
        (
            {"sources": [{"title": "x", "url": "http://x.org/", "checked": "2026-01-01"}]},
            "sources[1].url",
            "address http://x.org/ is not sound; use a full https:// address",
        ),
        ({"level": "guess"}, "level", "'recall', 'apply' or 'analyse'"),
        ({"colour": "red"}, "colour", "is not a field of the format"),
        ({"stem": "  "}, "stem", "is empty"),
        ({"id": "Circuit Breaker"}, "id", "is Circuit Breaker; use lower-case"),
        ({"sandbox": "circuit-braker"}, "sandbox", "circuit-braker does not exist; use circuit-breaker"),
        ({"sandbox": "circuit-breaker?kinds=none"}, "sandbox", "kinds is not a parameter"),
        ({"sandbox": "circuit-breaker?failure_rate_threshold=120"}, "sandbox", "failure_rate_threshold is 120; use"),
        ({"sandbox": "circuit-breaker?seed=-1"}, "sandbox", "seed is -1; use a whole number from 0 to"),
    ],
)
def test_a_field_that_does_not_fit_is_found(tmp_path, changes, where, said):
    write_bank(tmp_path, entry(**changes))

    ((found_where, message),) = findings(tmp_path)

    assert found_where.endswith(f": {where}")
    assert said in message


def test_a_sandbox_may_be_named_with_its_seed(tmp_path):
    write_bank(tmp_path, entry(sandbox="circuit-breaker?kind=none&seed=3"))

    assert findings(tmp_path) == []


def test_an_option_without_a_reason_is_found_by_its_number(tmp_path):
    options = entry()["options"]
    del options[2]["reason"]
    write_bank(tmp_path, entry(options=options))

    assert findings(tmp_path) == [("circuit-breaker-01: options[3].reason", "is missing")]


def test_an_id_used_twice_is_found_across_files(tmp_path):
    write_bank(tmp_path, entry(), name="a.yaml")
    write_bank(tmp_path, entry(stem="Another stem. What fails fast?"), name="b.yaml")

    _, found = read_bank(tmp_path, SLUGS)

    assert [(item.file, item.where) for item in found] == [("b.yaml", "circuit-breaker-01: id")]


def test_a_stem_used_twice_is_found_whatever_its_spacing_and_case(tmp_path):
    write_bank(tmp_path, entry(), entry(id="other", stem=f" {CHOICE['stem'].upper().replace(' ', '  ')} "))

    assert findings(tmp_path) == [("other: stem", "is the same as that of circuit-breaker-01")]


def test_a_file_that_is_not_yaml_is_found_with_its_line(tmp_path):
    (tmp_path / "bad.yaml").write_text("questions:\n  - id: [\n")

    ((where, message),) = findings(tmp_path)

    assert where == "line 3"
    assert message.startswith("is not YAML")


@pytest.mark.parametrize("content", ["", "- a list", "question: []", "questions: {}", "questions: []\nmore: 1"])
def test_a_file_without_a_list_of_questions_is_found(tmp_path, content):
    (tmp_path / "bad.yaml").write_text(content)

    assert [where for where, _ in findings(tmp_path)] == ["file"]


def test_one_bad_question_does_not_hide_the_others(tmp_path):
    write_bank(tmp_path, "not a mapping", entry(difficulty="hard"), entry(RESPONSE))

    questions, found = read_bank(tmp_path, SLUGS)

    assert [question.id for question in questions] == ["circuit-breaker-02"]
    assert len(found) == 2


@pytest.mark.django_db
def test_saving_the_same_bank_twice_changes_nothing():
    bank = [BankQuestion.model_validate(item) for item in (entry(), entry(RESPONSE))]

    first, second = save_bank(bank), save_bank(bank)

    assert first == Counts(new=2, changed=0, unchanged=0, retired=0)
    assert second == Counts(new=0, changed=0, unchanged=2, retired=0)


@pytest.mark.django_db
def test_a_question_gone_from_the_files_is_retired_and_comes_back_with_them():
    save(entry(), entry(RESPONSE))

    gone = save_bank([BankQuestion.model_validate(entry())])
    still_gone = save_bank([BankQuestion.model_validate(entry())])
    back = save_bank([BankQuestion.model_validate(item) for item in (entry(), entry(RESPONSE))])

    assert (gone.retired, still_gone.retired, back.changed) == (1, 0, 1)
    assert not Question.objects.get(pk=RESPONSE["id"]).retired


@pytest.mark.django_db
def test_changed_patterns_replace_the_old_ones_in_their_order():
    save(entry(patterns=["circuit-breaker"]))

    save(entry(patterns=["bulkhead", "circuit-breaker"]))

    assert list(QuestionPattern.objects.values_list("pattern", flat=True)) == ["bulkhead", "circuit-breaker"]


def test_a_changed_stem_under_the_id_of_an_answered_question_is_refused_and_nothing_is_saved(choice, sit):
    answer_rightly(sit(choice), choice)

    with pytest.raises(AnsweredQuestionChanged, match=r"circuit-breaker-01: has answers.*give it a new id"):
        save(entry(id="brand-new", stem="New. What fails fast?"), entry(stem="Something else. What fails fast?"))

    assert Question.objects.get(pk=choice.id).stem == CHOICE["stem"]
    assert not Question.objects.filter(pk="brand-new").exists()


def test_a_changed_key_or_order_of_options_of_an_answered_question_is_refused(choice, sit):
    answer_rightly(sit(choice), choice)
    other_key = entry()["options"]
    other_key[0]["correct"], other_key[1]["correct"] = False, True
    wrong_ones_swapped = entry()["options"]
    wrong_ones_swapped[1:3] = wrong_ones_swapped[2:0:-1]

    for options in (other_key, wrong_ones_swapped):
        with pytest.raises(AnsweredQuestionChanged):
            save(entry(options=options))


def test_wording_of_an_answered_question_may_be_mended(choice, sit):
    answer_rightly(sit(choice), choice)
    options = entry()["options"]
    options[1] |= {"text": "A much longer timeout for the call", "reason": "It holds threads."}

    (saved,) = save(entry(options=options))

    assert saved.options[1]["reason"] == "It holds threads."


@pytest.mark.django_db
def test_a_question_without_answers_may_change_altogether():
    save(entry())

    (saved,) = save(entry(stem="Something else. What fails fast?"))

    assert saved.stem == "Something else. What fails fast?"
