"""The search finds pages by any word of theirs, in spite of a slip, and says by which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patterns.search import Found, entries, search, slips_between, words_of

PAGES = {
    "circuit-breaker": entries(
        {
            "title": ["Circuit breaker"],
            "keyword": ["half-open", "cascading failure"],
            "service": ["AWS Lambda", "Amazon DynamoDB"],
            "summary": ["Stop calling a dependency that keeps failing."],
        }
    ),
    "queue-decoupling": entries(
        {
            "title": ["Decoupling with queues"],
            "keyword": ["dead-letter queue", "pub/sub"],
            "service": ["Amazon SQS", "AWS Lambda"],
            "summary": ["Let work wait in a queue; a failure costs nothing."],
        }
    ),
    "retry-backoff": entries({"title": ["Retries, backoff and jitter"], "summary": ["Try again later."]}),
}


def found(query: str) -> Found:
    return search(PAGES, query)


def slugs(query: str) -> list[str]:
    return [hit.slug for hit in found(query).hits]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("circuit", ["circuit-breaker"]),
        ("CIRC", ["circuit-breaker"]),
        ("half open", ["circuit-breaker"]),
        ("halfopen", ["circuit-breaker"]),
        ("pubsub", ["queue-decoupling"]),
        ("queue", ["queue-decoupling"]),
        ("queues", ["queue-decoupling"]),
        ("retry", ["retry-backoff"]),
        ("Amazon SQS", ["queue-decoupling"]),
        ("aws lambda", ["circuit-breaker", "queue-decoupling"]),
        ("lambda queue", ["queue-decoupling"]),
        ("lambda jitter", []),
        ("zebra", []),
        ("", []),
        ("  ", []),
        ("!?", []),
        ("\x00'\"<script>", []),
    ],
)
def test_every_word_must_be_found_somewhere_on_the_page(query, expected):
    assert slugs(query) == expected


@pytest.mark.parametrize(
    ("query", "expected", "read_as"),
    [
        ("curcuit", ["circuit-breaker"], {"curcuit": "circuit"}),
        ("ciruit", ["circuit-breaker"], {"ciruit": "circuit"}),
        ("cricuit", ["circuit-breaker"], {"cricuit": "circuit"}),
        ("lamdba jiter", [], {"lamdba": "lambda", "jiter": "jitter"}),
        ("decuopling", ["queue-decoupling"], {"decuopling": "decoupling"}),
        ("backof", ["retry-backoff"], {}),
        ("dynmaod", ["circuit-breaker"], {"dynmaod": "dynamodb"}),
        ("sqx", [], {}),
    ],
)
def test_a_slip_is_forgiven_and_told(query, expected, read_as):
    assert (slugs(query), dict(found(query).read_as)) == (expected, read_as)


def test_a_word_that_is_somewhere_as_typed_is_not_read_as_another():
    pages = {"a": entries({"title": ["Region"]}), "b": entries({"title": ["Legion"]})}

    assert [hit.slug for hit in search(pages, "legion").hits] == ["b"]


def test_the_title_counts_for_more_than_the_summary():
    assert slugs("failure") == ["circuit-breaker", "queue-decoupling"]


def test_a_page_named_as_asked_comes_first():
    pages = {
        "a": entries({"title": ["Saga of many services"], "keyword": ["saga", "saga log"]}),
        "b": entries({"title": ["Saga"]}),
    }

    assert [hit.slug for hit in search(pages, "Saga").hits] == ["b", "a"]


def test_a_hit_says_what_matched():
    [hit] = found("lambda dead").hits

    assert [(match.field, match.text) for match in hit.matches] == [
        ("service", "AWS Lambda"),
        ("keyword", "dead-letter queue"),
    ]


@pytest.mark.parametrize(
    ("typed", "word", "slips"),
    [
        ("abc", "abc", 0),
        ("abc", "abcdef", 0),
        ("abd", "abc", 1),
        ("acb", "abc", 1),
        ("ac", "abc", 1),
        ("abxcd", "abcd", 1),
    ],
)
def test_slips_are_letters_put_in_left_out_changed_or_swapped(typed, word, slips):
    assert slips_between(typed, word, 2) == slips


@given(st.text("abc", max_size=8), st.text("abc", max_size=8))
def test_giving_up_early_changes_no_answer_within_the_bound(typed, word):
    true = slips_between(typed, word + " " * 9, 9)

    assert min(slips_between(typed, word + " " * 9, 2), 3) == min(true, 3)


@given(st.text(max_size=60))
def test_any_query_is_answered(query):
    assert len(found(query).hits) <= len(PAGES)
    assert all(words_of(query))
