"""The library and its pages, as a reader's browser gets them."""

import re

import pytest
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse

from patterns.catalogue import TITLES
from patterns.content import read_pages, save_pages
from patterns.models import Pattern
from tests.patterns.pages import body, write_diagram, write_page

pytestmark = pytest.mark.django_db

TEXT = """
A [link](https://docs.example.com/a).

::: diagram boxes
Two boxes.
:::

::: sandbox circuit-breaker?kind=none&dead_s=20
**Predict first:** how long?
:::
"""


@pytest.fixture
def page(tmp_path):
    write_diagram(tmp_path, "boxes")
    related = [{"slug": "timeouts", "relation": "builds on", "why": "it waits"}]
    write_page(tmp_path, body(TEXT), sandbox="circuit-breaker", related=related)
    pages, findings = read_pages(tmp_path)
    assert findings == []
    save_pages(pages)
    return Pattern.objects.get()


def text_of(response: HttpResponse) -> str:
    return response.content.decode()


def nonces_of(response: HttpResponse) -> set[str]:
    return set(re.findall(r'nonce="([^"]*)"', text_of(response)))


def test_the_library_lists_what_is_written(client, page):
    text = text_of(client.get("/patterns/"))

    assert f'<a href="{page.get_absolute_url()}">Bulkhead</a>' in text
    assert "Keep a leak in one room." in text
    assert "1 of 44 planned pages is written." in text
    assert "Let many machines agree" not in text


def test_an_empty_library_says_what_to_do(client):
    assert "manage.py load_content" in text_of(client.get("/patterns/"))


def test_a_page_shows_all_its_parts(client, page):
    response = client.get(page.get_absolute_url())

    text = text_of(response)
    assert response.status_code == 200
    assert "<title>Bulkhead · Halfopen</title>" in text
    assert '<meta name="description" content="Keep a leak in one room.">' in text
    assert 'href="#how-it-works"' in text
    assert '<figure class="diagram">' in text
    assert 'aria-label="Diagram: Two boxes"' in text
    assert "Share <strong>nothing</strong> that can fill up." in text
    assert "docs.example.com, checked" in text
    assert "1 November 2026" in text
    assert "Timeouts and deadlines <span" in text
    assert f"{reverse('practice')}?pattern=bulkhead" in text


def test_a_guide_stands_on_its_shelf_and_shows_what_it_has(client, tmp_path):
    table = "| need | pattern |\n|---|---|\n| speed | [Bulkhead](/patterns/bulkhead) |"
    write_page(
        tmp_path,
        f"## Which one\n\n{table}",
        slug="guide-choosing",
        title="Choosing",
        category="Guides",
        cheat_sheet=None,
    )
    save_pages(read_pages(tmp_path)[0])

    library = text_of(client.get("/patterns/"))
    text = text_of(client.get("/patterns/guide-choosing/"))

    assert '<a href="/patterns/guide-choosing/">Choosing</a>' in library
    assert "Pages that compare patterns and help to choose." in library
    assert '<div class="table-scroll"' in text
    assert "cheat-sheet" not in text
    assert "practise" not in text
    assert "Design highly available" in text


def test_the_sandbox_opens_without_scripts_and_comes_by_htmx_with_them(client, page):
    text = text_of(client.get(page.get_absolute_url()))

    assert 'href="/sandboxes/circuit-breaker/?kind=none&amp;dead_s=20"' in text
    assert 'hx-get="/sandboxes/circuit-breaker/?kind=none&amp;dead_s=20&amp;embed=new&amp;scope=try-1"' in text
    assert "how long?" in text


def test_no_nonce_is_stored_and_each_answer_brings_its_own(client, page):
    first, second = (nonces_of(client.get(page.get_absolute_url())) for _ in range(2))

    assert "nonce" not in str(page.parts)
    assert (len(first), len(second)) == (1, 1)
    assert first != second


def test_a_page_carries_no_inline_style_and_no_inline_script(client, page):
    text = text_of(client.get(page.get_absolute_url()))

    assert " style=" not in text
    assert "<style" not in text
    assert "<script>" not in text


def test_a_page_is_one_query(client, page, django_assert_num_queries):
    with django_assert_num_queries(1):
        client.get(page.get_absolute_url())


def test_the_library_is_one_query(client, page, django_assert_num_queries):
    with django_assert_num_queries(1):
        client.get("/patterns/")


@pytest.mark.parametrize(
    ("slug", "words"),
    [
        ("timeouts", "The page “Timeouts and deadlines” is planned but not written yet."),
        ("nonsense", "There is no pattern called nonsense."),
    ],
)
def test_a_page_that_is_not_there_says_so_and_leads_on(client, slug, words):
    response = client.get(f"/patterns/{slug}/")

    assert response.status_code == 404
    assert words in text_of(response)
    assert 'href="/patterns/"' in text_of(response)


@pytest.mark.parametrize("address", ["/patterns/", "/patterns/bulkhead/"])
def test_a_page_answers_to_those_who_ask_for_its_head_alone(client, page, address):
    response = client.head(address)

    assert response.status_code == 200
    assert response.content == b""


def test_an_unknown_address_does_not_name_our_insides(client):
    response = client.get("/no/such/place/")

    assert response.status_code == 404
    assert "There is no page at this address." in text_of(response)
    assert "Resolver404" not in text_of(response)


def test_the_page_for_a_crash_needs_neither_database_nor_context(django_assert_num_queries):
    with django_assert_num_queries(0):
        text = render_to_string("500.html")

    assert "Something broke on our side" in text


@pytest.fixture
def three_pages(tmp_path):
    write_page(tmp_path, services=["Amazon SQS", "AWS Lambda"])
    write_page(
        tmp_path, slug="saga", title="Saga", category="Data consistency and transactions", services=["AWS Lambda"]
    )
    write_page(tmp_path, "Words.", slug="guide-exam", title="The exam", category="Guides", cheat_sheet=None)
    pages, findings = read_pages(tmp_path)
    assert findings == []
    save_pages(pages)


@pytest.mark.parametrize(
    ("slug", "before", "after"),
    [("bulkhead", None, "saga"), ("saga", "bulkhead", "guide-exam"), ("guide-exam", "saga", None)],
)
def test_a_page_leads_to_those_before_and_after_it_on_the_shelves(client, three_pages, slug, before, after):
    text = text_of(client.get(f"/patterns/{slug}/"))

    assert re.findall(r'rel="prev" href="/patterns/([^/]+)/"', text) == [before] * bool(before)
    assert re.findall(r'rel="next"[^>]* href="/patterns/([^/]+)/"', text) == [after] * bool(after)


def test_every_service_is_listed_with_the_pages_that_name_it(client, three_pages, django_assert_num_queries):
    with django_assert_num_queries(1):
        text = text_of(client.get("/patterns/services/"))

    lambda_, sqs = re.findall(r'<th scope="row">([^<]+)</th><td>(.*?)</td>', text)
    assert lambda_[0] == "AWS Lambda"
    assert re.findall(r"/patterns/([^/]+)/", lambda_[1]) == ["bulkhead", "saga"]
    assert (sqs[0], re.findall(r"/patterns/([^/]+)/", sqs[1])) == ("Amazon SQS", ["bulkhead"])


def test_a_library_without_services_says_so(client):
    assert "No page names a service yet." in text_of(client.get("/patterns/services/"))


def test_a_cheat_sheet_has_a_page_of_its_own(client, three_pages, django_assert_num_queries):
    with django_assert_num_queries(1):
        text = text_of(client.get("/patterns/saga/cheat-sheet/"))

    assert "Share <strong>nothing</strong> that can fill up." in text
    assert "2.2 Design highly available" in text
    assert "AWS Lambda" in text
    assert 'href="/patterns/saga/cheat-sheet/"' in text_of(client.get("/patterns/saga/"))


@pytest.mark.parametrize(
    ("slug", "words"),
    [("guide-exam", "The page “The exam” has no cheat sheet."), ("timeouts", "is planned but not written yet.")],
)
def test_a_cheat_sheet_that_is_not_there_says_so(client, three_pages, slug, words):
    response = client.get(f"/patterns/{slug}/cheat-sheet/")

    assert response.status_code == 404
    assert words in text_of(response)


def test_no_page_hides_behind_the_address_of_a_room():
    assert not {"map", "services"} & set(TITLES)
