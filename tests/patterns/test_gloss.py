"""The first use of a term that another page defines is explained on the spot, and nothing else is touched."""

import re

import pytest

from patterns.checks import check_writing
from patterns.content import read_pages, save_pages
from patterns.gloss import Term
from patterns.markup import render
from tests.patterns.pages import body, write_page, write_well

TERMS = [
    Term("hot-key", "hot key", ("hot partition",), "One key.", "consistent-hashing", "Consistent hashing"),
    Term("key", "key", (), "A name.", "caching", "Caching"),
    Term("dlq", "DLQ", (), "A queue.", "queue-decoupling", "Queues"),
]
NO_DIAGRAMS: dict[str, str] = {}
LOCK = {"term": "Semantic lock", "definition": "A *mark* in the data.", "also": ["status lock"]}


def glossed(text: str) -> tuple[list[tuple[str, str]], list[str]]:
    """(term, its words) of every mark in the HTML, and the terms found in order."""
    page = render(text, 1, NO_DIAGRAMS.get, ["saga"], TERMS)
    html = "".join(part["html"] for part in page.parts)
    return re.findall(r'data-term="term-([^"]+)"[^>]*>([^<]*)</a>', html), [term.slug for term in page.glossed]


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("A hot key is a key. Another key.", [("hot-key", "hot key"), ("key", "key")]),
        ("Hot Keys and hot partitions.", [("hot-key", "Hot Keys")]),
        ("The **hot partition** hurts.", [("hot-key", "hot partition")]),
        ("- one\n- a *key*", [("key", "key")]),
        ("> a key", [("key", "key")]),
        ("::: aside\nA key.\n:::", [("key", "key")]),
        ("A DLQ, not a dlq.", [("dlq", "DLQ")]),
        ("dlq", []),
        ("A monkey, a keyboard, a key-value store.", []),
        ("`key`", []),
        ("[the key](/patterns/saga) and then a key", [("key", "key")]),
        ("[a key](/patterns/caching)", []),
        ("## The key", []),
        ("| key |\n|---|\n| key |", []),
        ("```\nkey\n```", []),
        ("::: answer\nA key.\n:::", []),
        ("\ue000hot-key\ue001words\ue002", []),
    ],
)
def test_only_the_first_use_in_the_running_text_is_marked(text, marks):
    found, terms = glossed(text)

    assert found == marks
    assert terms == [slug for slug, _ in marks]


def test_a_mark_is_a_link_to_the_glossary_that_names_its_definition():
    page = render("A key.", 1, NO_DIAGRAMS.get, [], TERMS)

    link = '<a class="term" href="/glossary/#key" data-term="term-key" aria-describedby="term-key">key</a>'
    assert page.parts[0]["html"] == f"<p>A {link}.</p>\n"


def test_a_mark_survives_quotes_and_signs_beside_it():
    page = render('"key" & <script>alert(1)</script>', 1, NO_DIAGRAMS.get, [], TERMS)

    assert 'aria-describedby="term-key">key</a>” &amp;' in page.parts[0]["html"]
    assert "<script" not in page.parts[0]["html"]


def test_a_page_explains_the_terms_of_others_and_not_its_own(tmp_path):
    write_page(tmp_path, body("A semantic lock."), terms=[LOCK])
    write_page(tmp_path, body("Status locks hold."), slug="timeouts", title="Timeouts")

    (own, other), findings = read_pages(tmp_path)

    assert findings == []
    assert own.values["glossed"] == []
    assert "data-term" not in str(own.values["parts"])
    assert other.values["glossed"] == [
        {
            "slug": "semantic-lock",
            "term": "Semantic lock",
            "also": ["status lock"],
            "definition": "A <em>mark</em> in the data.",
            "page": "bulkhead",
            "title": "Bulkhead",
        }
    ]
    assert ">Status locks</a>" in other.values["parts"][0]["html"]


@pytest.mark.parametrize("name", ["semantic lock", "Semantic-Lock", "STATUS LOCK"])
def test_a_term_defined_by_two_pages_is_named(tmp_path, name):
    write_page(tmp_path, terms=[LOCK])
    write_page(
        tmp_path, slug="timeouts", terms=[{"term": "wait", "definition": "W."}, {**LOCK, "term": name, "also": []}]
    )

    [finding] = read_pages(tmp_path)[1]

    assert (finding.file, finding.where) == ("timeouts.md", "terms[1]")
    assert finding.message.endswith("is defined by bulkhead.md already")


@pytest.mark.parametrize(
    ("terms", "where", "words"),
    [
        ([{"term": "lock"}], "terms[0].definition", "is missing"),
        ([{"term": "--", "definition": "W."}], "terms[0].term", "is --; use letters or digits"),
        ([{"term": "lock", "definition": "[x](/patterns/no)."}], "terms[0].definition", "there is no pattern no"),
    ],
)
def test_a_wrong_term_is_named(tmp_path, terms, where, words):
    write_page(tmp_path, terms=terms)

    [finding] = read_pages(tmp_path)[1]

    assert (finding.where, words in finding.message) == (where, True)


@pytest.fixture
def _two_pages(tmp_path, db):
    write_page(tmp_path, terms=[LOCK, {"term": "zone", "definition": "A place."}])
    write_page(tmp_path, body("A semantic lock."), slug="timeouts", title="Timeouts")
    save_pages(read_pages(tmp_path)[0])


@pytest.mark.usefixtures("_two_pages")
def test_the_glossary_tells_every_term_by_letter(client, django_assert_num_queries):
    with django_assert_num_queries(1):
        text = client.get("/glossary/").content.decode()

    assert text.index('id="letter-s"') < text.index('id="semantic-lock"') < text.index('id="zone"')
    assert "A <em>mark</em> in the data." in text
    assert "also status lock" in text
    assert 'href="/patterns/bulkhead/">Bulkhead</a>' in text
    assert '<a href="/patterns/" aria-current="page">Patterns</a>' in text


@pytest.mark.usefixtures("_two_pages")
def test_a_page_brings_the_definitions_it_may_show(client):
    text = client.get("/patterns/timeouts/").content.decode()

    assert '<div class="term-card" id="term-semantic-lock" popover="manual" role="note">' in text
    assert 'href="/glossary/#semantic-lock"' in text
    assert "js/terms" in text


@pytest.mark.django_db
def test_a_glossary_without_terms_says_so(client):
    assert "No page defines a term yet." in client.get("/glossary/").content.decode()


@pytest.mark.usefixtures("_two_pages")
def test_a_term_can_be_searched_for(client):
    assert "Found in term “status lock”" in client.get("/patterns/?q=status").content.decode()


def test_too_many_terms_and_long_definitions_are_named(tmp_path):
    terms = [{"term": f"term {number}", "definition": "One sentence."} for number in range(6)]
    terms[2]["definition"] = "Two. Sentences."
    terms[3]["definition"] = "no full stop"
    write_well(tmp_path, terms=terms)

    assert [(finding.where, finding.message) for finding in check_writing(tmp_path)] == [
        ("terms", "has 6 terms; use at most 5"),
        ("terms[2].definition", "is not one sentence with a full stop"),
        ("terms[3].definition", "is not one sentence with a full stop"),
    ]
