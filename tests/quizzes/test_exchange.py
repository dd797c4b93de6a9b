from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, example, given
from hypothesis import settings as under
from hypothesis import strategies as st

from patterns.catalogue import TASKS
from patterns.models import Pattern
from quizzes import exchange, gift, moodle_xml
from quizzes.bank import BankQuestion, read_bank
from quizzes.exchange import CannotExport, CannotImport, Imported, exported, questions_of, write_for_review
from quizzes.models import Question
from tests.quizzes.conftest import RESPONSE, SOURCE, entry, save

FILES = Path(__file__).parent / "files"
FORMATS: dict[str, tuple[Any, Callable[[str], Imported]]] = {
    "gift": (gift.write, gift.read),
    "moodle": (moodle_xml.write, lambda text: moodle_xml.read(text.encode())),
}
SLUGS = {"circuit-breaker", "bulkhead", "saga"}
AWKWARD = [
    *("~", "=", "#", "{", "}", ":", "\\", "%50%", "[html]", "[plain]", "->", "//", "::", "####", "_____", "\\n", "\\:"),
    *("\n", "\t", "\r\n", "\r", "\n\n", "\u2028", "\x85", "\u00a0", "\ufeff", "é", "漢字", "🧪", "“", "'", '"'),
    *("<b>&amp;</b>", "<br>", "]]>", "<![CDATA[", "<!--", "&#58;", "&&058;", "$CATEGORY:", "=x", "~y", "no", "2.2"),
]
characters = st.characters(exclude_categories=["Cs"], exclude_characters=[chr(code) for code in range(32)] + list("￾￿"))
texts = st.lists(st.sampled_from(AWKWARD) | characters, min_size=1, max_size=5).map(" ".join).filter(str.strip)


@st.composite
def questions(draw: st.DrawFn, number: int = 0) -> BankQuestion:
    several = draw(st.booleans())
    count, right = (draw(st.integers(5, 6)), draw(st.integers(2, 5))) if several else (4, 1)
    order = draw(st.permutations(range(count)))
    return BankQuestion.model_validate(
        {
            "id": f"made-{number}",
            "type": "multiple-response" if several else "multiple-choice",
            "stem": draw(texts),
            "options": [
                {"text": draw(texts), "reason": draw(texts), "correct": place in order[:right]}
                for place in range(count)
            ],
            "patterns": draw(st.lists(st.sampled_from(sorted(SLUGS)), unique=True)),
            "task": draw(st.sampled_from(list(TASKS))),
            "difficulty": draw(st.integers(1, 3)),
            "level": draw(st.sampled_from(["recall", "apply", "analyse"])),
            "sandbox": draw(st.sampled_from(["", "circuit-breaker?dead_s=10&seed=3"])),
            "sources": [
                {
                    "title": draw(texts),
                    "url": "https://docs.aws.amazon.com/a.html#b",
                    "checked": draw(st.dates(date(2020, 1, 1), date(2030, 1, 1))),
                }
            ],
        }
    )


def read_again(imported: Imported) -> list[BankQuestion]:
    return [BankQuestion.model_validate(draft.entry) for draft in imported.drafts]


def with_stem(stem: str, **changes: Any) -> BankQuestion:
    return BankQuestion.model_validate(entry(stem=stem, **changes))


def run(command: str, *args: Any) -> str:
    out = StringIO()
    call_command(command, *map(str, args), stdout=out)
    return out.getvalue()


# There and back -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
@given(bank=st.lists(questions(), min_size=1, max_size=3))
@example(bank=[with_stem("[html] is a tag, %50% a weight: what is ~ = # { } \\ then?")])
@example(bank=[with_stem("// no comment\n\n::no name:: $CATEGORY: none ]]> <p>what?</p>")])
@under(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_goes_out_comes_back_the_same(format, bank):
    write, read = FORMATS[format]
    bank = [question.model_copy(update={"id": f"made-{n}"}) for n, question in enumerate(bank)]

    back = read(exported(bank, write))

    assert read_again(back) == [exchange.writable(question) for question in bank]
    assert back.skipped == []
    assert [draft.notes for draft in back.drafts] == [()] * len(bank)


@given(bank=st.lists(questions(), min_size=1, max_size=2))
@under(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_file_for_review_holds_the_same_questions(tmp_path_factory, bank):
    bank = [question.model_copy(update={"id": f"made-{n}"}) for n, question in enumerate(bank)]
    folder = tmp_path_factory.mktemp("review") / "out"

    write_for_review(gift.read(exported(bank, gift.write)), "made.gift", folder, SLUGS)

    assert list(read_bank(folder, SLUGS)[0]) == [exchange.writable(question) for question in bank]


@pytest.mark.parametrize("format", FORMATS)
def test_the_bank_that_is_shipped_survives_the_journey_byte_for_byte(format):
    write, read = FORMATS[format]
    pages = {path.stem for path in (settings.BASE_DIR / "patterns" / "content").glob("*.md")}
    bank, _ = read_bank(settings.BASE_DIR / "quizzes" / "content", pages)

    out = exported(bank, write)

    assert read_again(read(out)) == list(bank)
    assert exported(read_again(read(out)), write) == out


def test_gift_is_written_as_moodle_reads_it():
    out = exported([BankQuestion.model_validate(entry(RESPONSE))], gift.write)

    lines = out.splitlines()
    assert lines[0].startswith("//")
    assert lines[1] == ""
    assert lines[2].startswith('// halfopen: {"id": "circuit-breaker-02", ')
    assert lines[3] == (
        "::circuit-breaker-02::[plain]A breaker is half-open. Which two outcomes of trial calls close it again? "
        "(Select TWO.){"
    )
    assert lines[4] == "\t~%50%Every trial succeeds#No failures, so the rate is zero."
    assert lines[6] == "\t~%-50%Every trial fails#That opens it again."
    assert lines[9] == "\t####Circuit breaker pattern\\: https\\://docs.aws.amazon.com/cb.html"
    assert lines[10] == "}"


def test_a_text_that_looks_like_a_weight_or_a_format_is_marked_as_plain():
    options = entry()["options"]
    options[1] |= {"text": "%50% of the calls", "reason": "[html] is no tag here."}

    out = exported([BankQuestion.model_validate(entry(options=options))], gift.write)

    assert "\t~[plain]%50% of the calls#[plain][html] is no tag here.\n" in out


def test_thirds_are_written_as_moodle_lists_them():
    options = [{"text": f"Option {n}", "reason": "Because.", "correct": n < 3} for n in range(5)]
    question = with_stem("Which three? (Select THREE.)", type="multiple-response", options=options)

    assert exported([question], gift.write).count("~%33.33333%") == 3
    assert exported([question], moodle_xml.write).count('fraction="33.33333"') == 3


def test_tags_and_the_id_bring_much_back_when_moodle_has_dropped_our_element():
    out = exported([BankQuestion.model_validate(entry())], moodle_xml.write)
    start, end = out.index("<halfopen>"), out.index("</halfopen>") + len("</halfopen>")

    (draft,) = moodle_xml.read((out[:start] + out[end:]).encode()).drafts

    assert draft.missing == ["sources"]
    assert [draft.entry[name] for name in ("id", "task", "difficulty", "level", "patterns")] == [
        "circuit-breaker-01",
        "2.2",
        1,
        "apply",
        ["circuit-breaker"],
    ]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stem": "A bell \x07 rings?"}, "circuit-breaker-01: stem holds U+0007"),
        ({"type": "multiple-response"}, "circuit-breaker-01: is multiple-response with 1 correct"),
    ],
)
def test_a_question_that_no_file_can_hold_is_named(format, changes, said):
    with pytest.raises(CannotExport) as refused:
        exported([BankQuestion.model_validate(entry(**changes))], FORMATS[format][0])

    assert said in str(refused.value)


# From elsewhere -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moodle() -> Imported:
    return moodle_xml.read((FILES / "course.xml").read_bytes())


def test_a_moodle_file_of_many_types_gives_what_the_bank_has_room_for(moodle):
    first, second = (draft.entry for draft in moodle.drafts)

    assert first["id"] == "fail-fast"
    assert first["type"] == "multiple-choice"
    assert first["stem"] == (
        "A dependency answers after 30 s or never.\nWhich pattern lets its callers fail fast & recover?"
    )
    assert first["options"] == [
        {"text": "A circuit breaker", "correct": True, "reason": "It refuses calls while it is open."},
        {"text": "A longer timeout", "reason": "Threads wait even longer."},
        {"text": "A larger pool"},
        {"text": "A bulkhead", "reason": "It contains the harm: half right."},
    ]
    assert second["type"] == "multiple-response"
    assert second["stem"] == "A breaker is half-open.\nWhich two outcomes close it? (Select TWO.)"
    assert [option["text"] for option in second["options"] if option.get("correct")] == [
        "Every trial succeeds",
        "Failures stay below x < 5",
    ]


def test_what_a_moodle_file_does_not_say_is_told_and_so_is_what_was_lost(moodle):
    first, second = moodle.drafts

    assert first.missing == ["task", "difficulty", "level", "sources", "the reason for 1 of 4 options"]
    assert first.notes == (
        "general feedback: See the chapter on stability.",
        "category $course$/top/Resilience",
        "weights are dropped: the bank marks all or nothing",
    )
    assert second.missing == ["task", "difficulty", "level", "sources"]
    assert second.notes[0] == "markup is gone that may have meant something: sup"


def test_every_other_type_of_a_moodle_file_is_listed_with_its_reason(moodle):
    assert [(item.name, item.reason.split(";")[0]) for item in moodle.skipped] == [
        ("Read the diagram", "it holds a file, states.png"),
        ("Retries", "a true/false question has two options"),
        ("Name it", "a short answer has no options to choose from"),
        ("States", "a matching question has pairs, not options to choose from"),
        ("Minimum calls", "a numerical question has no options to choose from"),
        ("Discuss", "an essay has no options to choose from"),
        ("Gaps", "a cloze question has several gaps, each with answers of its own"),
        ("Drag", "type ddwtos is not one the bank has"),
        ("Fail fast", "no option is fully right"),
        ("Before you begin", "a description asks nothing"),
    ]


def test_a_gift_file_of_many_types_gives_what_the_bank_has_room_for_and_names_the_rest():
    imported = gift.read((FILES / "course.gift").read_text())

    assert [(draft.entry["id"], draft.entry["type"], draft.entry["stem"]) for draft in imported.drafts] == [
        ("fail-fast", "multiple-choice", "Which pattern lets callers fail fast?"),
        (
            "question-2",
            "multiple-response",
            "Which two outcomes close a half-open breaker? (Select TWO.)",
        ),
        ("missing-word", "multiple-choice", "Two plus _____ equals four."),
    ]
    assert imported.drafts[0].entry["options"][3] == {"text": "None of these : it depends"}
    assert imported.drafts[1].entry["options"][1] == {
        "text": "Failures stay below {the threshold}",
        "correct": True,
        "reason": "The rate decides.",
    }
    assert [option.get("correct", False) for option in imported.drafts[2].entry["options"]] == [
        False,
        True,
        False,
        False,
    ]
    assert [(item.name, item.reason.split(";")[0]) for item in imported.skipped] == [
        ("Retries", "a true/false question has two options"),
        ("Name it", "a short answer has no options to choose from"),
        ("States", "a matching question has pairs, not options to choose from"),
        ("Minimum calls", "a numerical question has no options to choose from"),
        ("Discuss", "an essay has no options to choose from"),
        ("Before you begin", "a description asks nothing"),
        ("Torn", "its { and } do not match"),
    ]


@pytest.mark.parametrize("own", ['{"id": 7}', "[1]", "{", "nonsense"])
def test_a_line_of_ours_that_somebody_broke_is_told_and_the_question_is_kept(own):
    (draft,) = gift.read(f"// halfopen: {own}\n::Q::What?{{=a ~b ~c ~d}}").drafts

    assert draft.notes[0].startswith("its line for Halfopen cannot be read: ")
    assert draft.entry["id"] == "q"


def test_two_questions_of_one_name_get_ids_of_their_own():
    imported = gift.read("::Q 1::What?{=a ~b}\n\n::Q 1::Where?{=a ~b}")

    assert [draft.entry["id"] for draft in imported.drafts] == ["q-1", "q-1-2"]


def test_one_of_several_keys_where_one_may_be_chosen_is_refused():
    (skipped,) = gift.read("::Q::What?{=a =b ~c}").skipped

    assert skipped.reason.startswith("2 options are each fully right")


# Files that must not be read ----------------------------------------------------------------------------------------

BOMB = """<?xml version="1.0"?>
<!DOCTYPE quiz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>
<quiz><question type="essay"><name><text>&c;</text></name></question></quiz>"""
OUTSIDE = """<?xml version="1.0"?>
<!DOCTYPE quiz [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<quiz><question type="essay"><name><text>&a;</text></name></question></quiz>"""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (BOMB, "bank.xml: declares a document type or entities"),
        (OUTSIDE, "bank.xml: declares a document type or entities"),
        ("<quiz>" + "<a>" * 40, "bank.xml: nests <a> 33 deep; use at most 32"),
        ("<quiz><question>" + "<a/>" * 5_000, "bank.xml: has a question of more than 5,000 elements; use fewer"),
        ("<quiz><question>", "bank.xml: is not XML: no element found"),
        ('<?xml version="1.0" encoding="klingon"?><quiz/>', "bank.xml: is not XML: "),
        ("<html/>", "bank.xml: begins with <html>; a Moodle XML file begins with <quiz>"),
        ("<quiz></quiz>", "bank.xml: holds no <question>"),
        ("", "bank.xml: is not XML: no element found"),
    ],
)
@pytest.mark.django_db
def test_a_file_that_is_unsafe_or_no_quiz_is_refused_in_one_line(tmp_path, content, said):
    (tmp_path / "bank.xml").write_text(content)

    with pytest.raises(CommandError) as refused:
        run("import_bank", tmp_path / "bank.xml", "--out", tmp_path / "out")

    assert str(refused.value).startswith(f"Nothing was imported. {said}")
    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["bank.xml"]


@pytest.mark.django_db
def test_a_file_that_is_too_large_is_refused_by_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "LARGEST_FILE_BYTES", 1024**2)
    (tmp_path / "bank.gift").write_bytes(b" " * (1024**2 + 1))

    with pytest.raises(CommandError, match=r"bank.gift: is 1,048,577 bytes; use files of at most 1 MiB"):
        run("import_bank", tmp_path / "bank.gift", "--out", tmp_path / "out")


def test_a_file_of_too_many_questions_is_refused(monkeypatch):
    monkeypatch.setattr(exchange, "MOST_QUESTIONS", 2)

    with pytest.raises(CannotImport, match="holds more than 2 questions"):
        gift.read("\n\n".join(["::Q::What?{=a ~b}"] * 3))


def test_a_text_that_is_too_long_leaves_its_question_out():
    (skipped,) = gift.read(f"::Q::{'x' * 20_001}?{{=a ~b}}").skipped

    assert skipped.reason == "a text of 20,002 characters; use at most 20,000"


def test_markup_that_is_too_long_is_not_even_read():
    text = "&lt;!" * 20_001
    answers = '<answer fraction="100"><text>a</text></answer><answer fraction="0"><text>b</text></answer>'
    stem = f'<questiontext format="html"><text>{text}</text></questiontext>'

    (skipped,) = moodle_xml.read(
        f'<quiz><question type="multichoice">{stem}{answers}</question></quiz>'.encode()
    ).skipped

    assert skipped.reason == "a text of 40,002 characters; use at most 20,000"


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("::Q::What?{=a" + "~b" * 50 + "}", "number of options: 51; use 2 to 50"),
        ("::Q::What?{=a}~", "a short answer has no options to choose from"),
        ("::Q::What?{~a}", "number of options: 1; use 2 to 50"),
        ("x" * 300_001 + "{=a ~b}", "it has 300,008 characters; use at most 300,000"),
    ],
)
def test_a_question_of_too_much_or_too_little_is_left_out(block, said):
    (skipped,) = gift.read(block).skipped

    assert skipped.reason == said


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.gift", None, "absent.gift: cannot be read (No such file or directory)"),
        ("bank.gift", b"::Q::caf\xe9?{=a ~b}", "bank.gift: byte 8 is not UTF-8 text"),
        ("bank.gift", b"// nothing\n", "bank.gift: holds no questions in the GIFT format"),
    ],
)
def test_a_gift_file_that_cannot_be_read_is_named(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(CommandError) as refused:
        run("import_bank", tmp_path / name, "--out", tmp_path / "out")

    assert said in str(refused.value)


# The commands -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("format", FORMATS)
def test_the_commands_take_the_bank_out_and_back_into_a_folder(tmp_path, format):
    save(entry(), entry(RESPONSE))
    Pattern.objects.create(slug="circuit-breaker", title="Circuit breaker", category="x", order=1, summary="x")
    file, folder = tmp_path / "bank.txt", tmp_path / "review"

    assert "2 questions are in" in run("export_bank", "--format", format, "--out", file)
    report = run("import_bank", file, "--out", folder)

    questions, findings = read_bank(folder, {"circuit-breaker"})
    assert findings == ()
    assert list(questions) == questions_of(Question.objects.order_by("id"))
    assert (folder / "report.txt").read_text() in report
    assert "bank.txt: 2 of 2 questions could be read. None is in the bank yet." in report
    assert "  circuit-breaker-01\n" in report
    assert "Missing" not in report


@pytest.mark.django_db
def test_a_retired_question_stays_at_home_and_a_pattern_can_be_chosen(tmp_path):
    save(entry(), entry(RESPONSE))
    save(entry(), entry(RESPONSE, id="on-sagas", patterns=["saga"]))

    run("export_bank", "--format", "gift", "--out", tmp_path / "all.gift")
    run("export_bank", "--format", "gift", "--pattern", "saga", "--out", tmp_path / "saga.gift")

    ids = [[draft.entry["id"] for draft in gift.read(path.read_text()).drafts] for path in sorted(tmp_path.iterdir())]
    assert ids == [["circuit-breaker-01", "on-sagas"], ["on-sagas"]]


@pytest.mark.django_db
def test_an_import_changes_no_question_and_reports_what_is_missing(tmp_path):
    save(entry())

    report = run("import_bank", FILES / "course.xml", "--out", tmp_path / "review")

    assert Question.objects.count() == 1
    assert "course.xml: 2 of 12 questions could be read." in report
    assert "  fail-fast: task, difficulty, level, sources, the reason for 1 of 4 options\n" in report
    assert "  Gaps: a cloze question has several gaps" in report
    assert not read_bank(tmp_path / "review", SLUGS)[0], "nothing of it could be loaded as it is"
    assert yaml.safe_load((tmp_path / "review" / "questions.yaml").read_text())["questions"][0]["id"] == "fail-fast"


@pytest.mark.django_db
def test_a_rule_of_the_bank_that_a_foreign_question_breaks_is_named(tmp_path):
    told = {"task": "9.9", "difficulty": 1, "level": "apply", "sources": [SOURCE], "patterns": ["bulkhed"]}
    own = json.dumps(told)
    (tmp_path / "bank.gift").write_text(f"// halfopen: {own}\n::Q::What?{{=a#x ~b#x ~c#x}}")

    report = run("import_bank", tmp_path / "bank.gift", "--out", tmp_path / "review")

    assert "q: task: 9.9 is not a task of the exam guide" in report
    assert "q: options: 3 options; a multiple-choice question has 4" in report
    assert "q: patterns: bulkhed is not a pattern" in report


@pytest.mark.django_db
def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine.yaml").write_text("mine")

    with pytest.raises(CommandError, match="is there already; name a new folder"):
        run("import_bank", FILES / "course.gift", "--out", tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


def test_an_import_that_breaks_half_way_leaves_nothing_behind(tmp_path, monkeypatch):
    imported = gift.read((FILES / "course.gift").read_text())
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(exchange, "_report", lambda *args: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        write_for_review(imported, "course.gift", tmp_path / "out", SLUGS)

    assert [path.name for path in tmp_path.rglob("*")] == ["out"]


@pytest.mark.django_db
def test_an_export_that_fails_leaves_the_old_file_as_it_was(tmp_path, monkeypatch):
    save(entry())
    file = tmp_path / "bank.gift"
    file.write_text("the old one")
    monkeypatch.setattr(Path, "replace", lambda *args: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        run("export_bank", "--format", "gift", "--out", file)

    assert file.read_text() == "the old one"
    assert [path.name for path in tmp_path.iterdir()] == ["bank.gift"]


@pytest.mark.django_db
def test_an_export_says_in_one_line_what_stands_in_its_way(tmp_path):
    with pytest.raises(CommandError, match="There are no questions to export"):
        run("export_bank", "--format", "gift", "--out", tmp_path / "bank.gift")
    save(entry())
    with pytest.raises(CommandError, match="cannot be written"):
        run("export_bank", "--format", "gift", "--out", tmp_path / "absent" / "bank.gift")
