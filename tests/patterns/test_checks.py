"""Each rule of writing fires on a planted flaw, and on nothing else."""

from pathlib import Path

import pytest

from patterns.checks import check_writing
from patterns.content import FOLDER
from patterns.markup import MARKDOWN
from patterns.prose import Paragraph, count_words, normalised, paragraphs, sentences
from tests.patterns.pages import well_written, write_page, write_well

LONG = " ".join(["word"] * 46)
NEIGHBOUR = {"slug": "timeouts", "relation": "builds on", "why": "it waits"}


def line_of(path: Path, words: str) -> str:
    return f"line {1 + next(n for n, line in enumerate(path.read_text().splitlines()) if words in line)}"


def told(folder: Path) -> list[tuple[str, str]]:
    return [(finding.where, finding.message) for finding in check_writing(folder)]


def test_the_pages_of_the_project_are_well_written():
    assert [str(finding) for finding in check_writing(FOLDER)] == []


def test_a_well_written_page_has_no_findings(tmp_path):
    write_well(tmp_path)
    write_well(tmp_path, "timeouts")

    assert told(tmp_path) == []


@pytest.mark.parametrize(
    "flaw",
    [
        f"Short. {LONG}.",
        f"- Short.\n- {LONG}.",
        f"::: answer\n{LONG}.\n:::",
        f"Short: {LONG}",
        f"The *plain* `a.b.C d` {LONG}.",
    ],
)
def test_a_long_sentence_is_named_with_its_line(tmp_path, flaw):
    path = write_well(tmp_path, text=f"{well_written()}\n\n{flaw}\n")

    [(where, message)] = told(tmp_path)

    assert where == line_of(path, LONG)
    assert "words: “" in message
    assert message.endswith("use at most 45")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"summary": f"{' '.join(['w'] * 46)}."}, "summary"),
        ({"cheat_sheet": ["Short.", LONG]}, "cheat_sheet[1]"),
        ({"related": [{**NEIGHBOUR, "why": LONG}]}, "related[0].why"),
    ],
)
def test_a_long_sentence_in_the_front_matter_is_named_with_its_field(tmp_path, changes, where):
    write_well(tmp_path, **changes)

    assert [found for found, _ in told(tmp_path)] == [where]


@pytest.mark.parametrize("unread", [f"| a | b |\n|---|---|\n| {LONG} | b |", f"```\n{LONG}\n```", f"### {LONG}"])
def test_tables_code_and_headings_are_no_sentences(tmp_path, unread):
    write_well(tmp_path, text=f"{well_written()}\n\n{unread}\n")

    assert told(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It waits 4 s. The next one does not.", ["It waits 4 s.", "The next one does not."]),
        ("A store, e.g. DynamoDB, holds it. Or not?", ["A store, e.g. DynamoDB, holds it.", "Or not?"]),
        ("By J. Gray. Read it.", ["By J. Gray.", "Read it."]),
        ("“Is it?” he asked. (Yes.) 2.4 s later: yes!", ["“Is it?” he asked.", "(Yes.)", "2.4 s later: yes!"]),
        ("First. `put` is second.", ["First.", "put is second."]),
        ("Version 3.34.0 of it… and so on.", ["Version 3.34.0 of it… and so on."]),
        ("One\nline.\nTwo.", ["One line.", "Two."]),
    ],
)
def test_text_is_cut_where_a_reader_would_cut_it(text, expected):
    [paragraph] = paragraphs(MARKDOWN.parse(text), 1)

    assert [sentence for _, sentence in sentences(paragraph)] == expected


def test_a_sentence_knows_its_line():
    assert [line for line, _ in sentences(Paragraph(7, "One\nand\nmore. Two.\nThree."))] == [7, 9, 10]


def test_words_are_what_holds_a_letter_or_a_digit():
    assert count_words("200 × 0.05 = 10, not – “11”") == 5
    assert normalised("The **Cache**, its\nkeys: ½!") == "the cache its keys ½"


@pytest.mark.parametrize(("words", "flawed"), [(899, True), (900, False), (2200, False), (2201, True)])
def test_a_page_too_short_or_too_long_is_named(tmp_path, words, flawed):
    text = " ".join(["Word."] * words)
    unread = f"::: diagram boxes\n:::\n\n| a |\n|---|\n| {text} |\n\n```\n{text}\n```\n\n::: answer\n{text}\n:::"
    write_well(tmp_path, "guide-choosing", f"## One\n\n{text}\n\n{unread}", category="Guides")

    found = told(tmp_path)

    assert [where for where, _ in found] == ["body"] * flawed
    assert all(f"has {words:} words outside tables" in message for _, message in found)


def test_a_page_without_a_diagram_is_named(tmp_path):
    write_well(tmp_path, text=well_written().replace("::: diagram boxes\n:::", ""))

    assert told(tmp_path) == [("body", "has no diagram; give at least one")]


def test_a_page_with_one_prompt_is_named(tmp_path):
    write_well(tmp_path, text=well_written().rpartition("::: answer")[0])

    assert told(tmp_path) == [("Check yourself", "has 1 prompts with an answer; give at least 2")]


def test_answers_elsewhere_are_no_prompts_to_check_oneself(tmp_path):
    moved = "::: answer\nBecause.\n:::"
    text = well_written().replace(moved, "").replace("## How it works", f"{moved}\n\n{moved}\n\n## How it works")
    write_well(tmp_path, text=text)

    assert [where for where, _ in told(tmp_path)] == ["Check yourself"]


def test_a_long_cheat_sheet_is_named(tmp_path):
    write_well(tmp_path, cheat_sheet=["Words."] * 10)

    assert told(tmp_path) == [("cheat_sheet", "has 10 lines; use at most 9")]


def test_a_service_under_half_a_name_is_named(tmp_path):
    write_well(tmp_path, services=["AWS Lambda", "DynamoDB", "Elastic Load Balancing"])

    assert told(tmp_path) == [("services[1]", "is DynamoDB; begin with Amazon or AWS as its own pages do")]


@pytest.mark.parametrize(
    ("related", "message"),
    [
        ([], "is empty; name at least one pattern"),
        ([NEIGHBOUR, NEIGHBOUR], "names timeouts 2 times"),
        ([{**NEIGHBOUR, "slug": "bulkhead"}], "names bulkhead, the page itself"),
    ],
)
def test_neighbours_gone_wrong_are_named(tmp_path, related, message):
    write_well(tmp_path, related=related)

    assert told(tmp_path) == [("related", message)]


@pytest.mark.parametrize(
    ("other", "repeats"),
    [
        ("one **two**, three four five\nsix seven eight nine ten eleven Twelve!", True),
        ("One two three four five six seven eight nine ten eleven thirteen.", False),
    ],
)
def test_a_paragraph_that_stands_on_two_pages_is_named(tmp_path, other, repeats):
    said = "One two three four five six seven eight nine ten eleven twelve."
    first = write_well(tmp_path, text=f"{well_written('a')}\n\n{said}\n\n{said}\n")
    second = write_well(tmp_path, "timeouts", f"{well_written('b')}\n\n- {other}\n")

    found = [str(finding) for finding in check_writing(tmp_path)]

    line, origin = line_of(second, "two"), line_of(first, said)
    assert found == [f"timeouts.md: {line}: says the same as bulkhead.md, {origin}"] * repeats


def test_a_short_paragraph_may_stand_on_two_pages(tmp_path):
    said = "One two three four five six seven eight nine ten eleven."
    for slug in ("bulkhead", "timeouts"):
        write_well(tmp_path, slug, f"{well_written(slug)}\n\n{said}\n")

    assert told(tmp_path) == []


def test_a_page_that_cannot_be_read_is_left_to_the_loader(tmp_path):
    write_page(tmp_path, tasks=[])

    assert told(tmp_path) == []
