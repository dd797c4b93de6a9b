"""The reference code is what pages show, and all of it is shown."""

import pytest

from patterns.content import read_pages
from patterns.fragments import REFERENCE

PAGES = {
    "circuit_breaker": "circuit-breaker",
    "saga": "saga",
    "scatter_gather": "scatter-gather",
    "idempotent_consumer": "idempotency",
    "outbox": "transactional-outbox",
    "retries": "retry-backoff",
}


def test_every_implementation_has_a_page():
    folders = {path.parent.name for path in REFERENCE.glob("*/__init__.py")}

    assert folders == set(PAGES)


@pytest.fixture(scope="module")
def shown():
    """(page, file) for each piece of code that a page includes."""
    pages, _ = read_pages()
    return {(page.slug, part["file"]) for page in pages for part in page.values["parts"] if part["kind"] == "code"}


@pytest.mark.parametrize("folder", PAGES)
def test_a_page_shows_the_naive_version_and_the_sound_one(shown, folder):
    files = {file for slug, file in shown if slug == PAGES[folder]}

    naive = {file for file in files if file.startswith(f"patterns/reference/{folder}/naive")}
    assert naive
    assert files - naive
    assert all(file.startswith(f"patterns/reference/{folder}/") for file in files)
