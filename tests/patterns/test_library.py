"""The library answers a search and filters, as a page and as a fragment."""

import pytest
from django.http import HttpResponse

from patterns.content import read_pages, save_pages
from tests.patterns.pages import write_page

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shelves(tmp_path):
    write_page(tmp_path, services=["Amazon SQS"], keywords=["pool <b>size</b>"], sandbox="circuit-breaker")
    write_page(tmp_path, slug="saga", title="Saga", category="Data consistency and transactions", tasks=["2.1"])
    write_page(tmp_path, slug="timeouts", title="Timeouts", tasks=["2.1"], summary="Give up in time.")
    pages, findings = read_pages(tmp_path)
    assert findings == []
    save_pages(pages)


def text_of(response: HttpResponse) -> str:
    assert response.status_code == 200
    return response.content.decode()


def shown(text: str) -> list[str]:
    return [title for title in ("Bulkhead", "Saga", "Timeouts") if f">{title}</a></h" in text]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Bulkhead", "Saga", "Timeouts"]),
        ("category=Resilience", ["Bulkhead", "Timeouts"]),
        ("task=2.1", ["Saga", "Timeouts"]),
        ("sandbox=1", ["Bulkhead"]),
        ("category=Resilience&task=2.1", ["Timeouts"]),
        ("category=Coordination", []),
        ("category=Nonsense&task=9.9&page=7", ["Bulkhead", "Saga", "Timeouts"]),
        ("q=sqs", ["Bulkhead"]),
        ("q=timeuots", ["Timeouts"]),
        ("q=time&category=Coordination", []),
        ("q=zebra", []),
        (f"q={'x' * 5000}", []),
        ("q=%00", ["Bulkhead", "Saga", "Timeouts"]),
    ],
)
def test_a_search_and_filters_leave_what_was_asked_for(client, query, expected):
    assert shown(text_of(client.get(f"/patterns/?{query}"))) == expected


def test_a_search_says_what_matched_and_how_a_word_was_read(client):
    text = text_of(client.get("/patterns/?q=pool+bulkhed"))

    assert "Found in keyword “pool &lt;b&gt;size&lt;/b&gt;”, the title" in text
    assert "1 page. Nothing says “bulkhed”, so it was read as “bulkhead”." in text


def test_what_was_asked_for_stays_in_the_form(client):
    text = text_of(client.get("/patterns/?q=%22pool%3E&task=2.1&sandbox=1"))

    assert 'value="&quot;pool&gt;"' in text
    assert '<option value="2.1" selected>' in text
    assert "checked" in text


def test_nothing_found_says_so(client):
    assert "No page has all of that." in text_of(client.get("/patterns/?q=zebra"))


def test_a_fragment_is_the_shelves_alone_with_an_address_to_share(client):
    response = client.get("/patterns/?q=saga&category=&task=&page=2", headers={"HX-Request": "true"})

    text = text_of(response)
    assert "<html" not in text
    assert shown(text) == ["Saga"]
    assert response.headers["HX-Replace-Url"] == "/patterns/?q=saga"
    assert "HX-Request" in response.headers["Vary"]


def test_a_search_is_one_query(client, django_assert_num_queries):
    with django_assert_num_queries(1):
        client.get("/patterns/?q=time")
