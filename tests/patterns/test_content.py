"""Pages are read, checked and saved; each mistake is named with its file and field."""

import pytest

from patterns.content import FOLDER, SECTIONS, read_pages, save_pages
from patterns.models import Pattern
from sandboxes.simulations.catalogue import CATALOGUE
from tests.patterns.pages import SVG, body, write_diagram, write_page

SOURCE = {"title": "The guide", "url": "https://docs.example.com/a", "checked": "2026-11-01"}
RELATED = {"slug": "timeouts", "relation": "builds on", "why": "it *waits*"}


def test_the_pages_of_the_project_are_sound():
    pages, findings = read_pages(FOLDER)

    assert [str(finding) for finding in findings] == []
    assert "circuit-breaker" in {page.slug for page in pages}


def test_a_sound_page_has_no_findings(tmp_path):
    write_diagram(tmp_path, "boxes", SVG)
    write_page(tmp_path, body("::: diagram boxes\nTwo.\n:::"), related=[RELATED], sandbox="circuit-breaker")

    [page], findings = read_pages(tmp_path)

    assert findings == []
    assert [part["kind"] for part in page.values["parts"]] == ["html", "diagram", "html"]
    assert [heading["title"] for heading in page.values["toc"]] == list(SECTIONS)
    assert page.values["cheat_sheet"] == ["Share <strong>nothing</strong> that can fill up."]


@pytest.mark.parametrize(
    ("changes", "where", "words"),
    [
        ({"title": None}, "title", "is missing"),
        ({"colour": "red"}, "colour", "is not a field; use slug, title"),
        ({"summary": "x" * 161}, "summary", "has 161 characters; use at most 160"),
        ({"category": "Nonsense"}, "category", "is Nonsense; use Resilience"),
        ({"order": "first"}, "order", "is first; use a whole number"),
        ({"tasks": ["9.9"]}, "tasks", "there is no task 9.9 in the exam guide"),
        ({"tasks": []}, "tasks", "is empty; give at least one"),
        ({"sandbox": "no-such-thing"}, "sandbox", "no-such-thing does not exist; use circuit-breaker"),
        ({"sources": []}, "sources", "is empty; give at least one"),
        ({"sources": [{"title": "T", "url": SOURCE["url"]}]}, "sources[0].checked", "is missing"),
        ({"sources": [{**SOURCE, "checked": "soon"}]}, "sources[0].checked", "is soon; use a date"),
        ({"sources": [SOURCE, {**SOURCE, "url": "http://a.example"}]}, "sources[1].url", "use a full https:// address"),
        ({"related": [{**RELATED, "slug": "nonsense"}]}, "related[0].slug", "there is no pattern nonsense"),
        ({"related": [{**RELATED, "relation": "likes"}]}, "related[0].relation", "is likes; use 'combined with'"),
        ({"related": [{"slug": "timeouts", "relation": "builds on"}]}, "related[0].why", "is missing"),
        ({"related": [{"slug": "timeouts", "why": "it waits"}]}, "related[0].relation", "is missing"),
        ({"slug": "nonsense"}, "slug", "there is no pattern nonsense in the catalogue"),
    ],
)
def test_a_wrong_field_is_named(tmp_path, changes, where, words):
    path = write_page(tmp_path, **changes)

    pages, [finding] = read_pages(tmp_path)

    assert pages == []
    assert (finding.file, finding.where) == (path.name, where)
    assert words in finding.message


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("## The problem\n", "line 1", "has no front matter"),
        ("---\ntitle: [\n---\nWords\n", "line 3", "front matter is not YAML"),
        ("---\n- a list\n---\nWords\n", "slug", "is missing"),
    ],
)
def test_a_file_without_sound_front_matter_is_named(tmp_path, text, where, words):
    (tmp_path / "bulkhead.md").write_text(text)

    _, findings = read_pages(tmp_path)

    assert findings[0].where == where
    assert words in findings[0].message


def test_a_file_that_is_not_text_is_named(tmp_path):
    (tmp_path / "bulkhead.md").write_bytes(b"---\n\xff")

    _, [finding] = read_pages(tmp_path)

    assert str(finding) == "bulkhead.md: byte 4: is not UTF-8 text"


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        (SECTIONS[1:], "“The problem” is missing"),
        ((SECTIONS[1], SECTIONS[0], *SECTIONS[2:]), "“The problem” stands after “How it works”"),
        ((*SECTIONS, "One more thing"), "“One more thing” is not a section"),
        ((*SECTIONS, "Check yourself"), "“Check yourself” stands after “Check yourself”"),
    ],
)
def test_sections_out_of_place_are_named(tmp_path, sections, words):
    write_page(tmp_path, body(sections=sections))

    _, findings = read_pages(tmp_path)

    assert len(findings) == 1
    assert words in findings[0].message


def test_a_page_under_another_shelf_than_the_catalogues_is_named(tmp_path):
    write_page(tmp_path, category="Coordination")

    [finding] = read_pages(tmp_path)[1]

    assert str(finding) == "bulkhead.md: category: is Coordination; the catalogue has bulkhead under Resilience"


def test_a_page_without_a_cheat_sheet_is_named(tmp_path):
    write_page(tmp_path, cheat_sheet=[])

    [finding] = read_pages(tmp_path)[1]

    assert str(finding) == "bulkhead.md: cheat_sheet: is empty; give at least one"


def test_a_guide_has_sections_of_its_own_and_may_do_without_a_cheat_sheet(tmp_path):
    write_page(tmp_path, "## Which one\n\nWords.", slug="guide-choosing", category="Guides", cheat_sheet=None)

    assert read_pages(tmp_path)[1] == []


def test_a_finding_in_the_text_counts_lines_from_the_top_of_the_file(tmp_path):
    path = write_page(tmp_path, body("[Words](/patterns/nonsense/)"))
    line = 1 + path.read_text().splitlines().index("[Words](/patterns/nonsense/)")

    _, [finding] = read_pages(tmp_path)

    assert finding.where == f"line {line}"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"related": [{**RELATED, "why": "[no](/patterns/nonsense)"}]}, "related[0].why"),
        ({"cheat_sheet": ["Words.", "[no](/patterns/nonsense)"]}, "cheat_sheet[1]"),
    ],
)
def test_a_link_in_the_front_matter_that_leads_nowhere_is_named(tmp_path, changes, where):
    write_page(tmp_path, **changes)

    [finding] = read_pages(tmp_path)[1]

    assert (finding.where, finding.message) == (where, "link /patterns/nonsense: there is no pattern nonsense")


def test_a_link_to_a_place_in_another_page_that_is_not_there_is_named(tmp_path):
    write_page(tmp_path, body("[a](/patterns/timeouts#nowhere) [b](/patterns/timeouts#how-it-works)"))
    write_page(tmp_path, slug="timeouts")

    [finding] = read_pages(tmp_path)[1]

    assert (finding.file, finding.message) == (
        "bulkhead.md",
        "link /patterns/timeouts#nowhere leads nowhere in that page",
    )


def test_a_diagram_without_its_alternative_is_named(tmp_path):
    write_diagram(tmp_path, "boxes", SVG.replace("<desc>One beside another.</desc>", ""))
    write_page(tmp_path, body("::: diagram boxes\n:::"))

    [finding] = read_pages(tmp_path)[1]

    assert "diagram boxes has no <desc>" in str(finding)


def test_a_slug_in_two_files_is_named(tmp_path):
    path = write_page(tmp_path)
    (tmp_path / "copy.md").write_text(path.read_text())

    _, findings = read_pages(tmp_path)

    assert {(finding.file, finding.message) for finding in findings} == {
        ("copy.md", "is bulkhead; name the file bulkhead.md"),
        ("copy.md", "bulkhead is taken by another file"),
    }


def test_a_neighbour_is_a_link_only_when_its_page_is_written(tmp_path):
    write_page(tmp_path, related=[RELATED])
    alone, _ = read_pages(tmp_path)
    write_page(tmp_path, slug="timeouts", title="Timeouts, at length")
    together, _ = read_pages(tmp_path)

    [before], [after] = alone[0].values["related"], together[0].values["related"]

    assert (before["written"], before["title"]) == (False, "Timeouts and deadlines")
    assert (after["written"], after["title"]) == (True, "Timeouts, at length")
    assert before["why"] == "it <em>waits</em>"


@pytest.mark.django_db
def test_saving_twice_changes_nothing(tmp_path):
    write_page(tmp_path)
    pages, _ = read_pages(tmp_path)

    first, second = save_pages(pages), save_pages(pages)

    assert first == {"new": 1, "changed": 0, "unchanged": 0, "removed": 0}
    assert second == {"new": 0, "changed": 0, "unchanged": 1, "removed": 0}


@pytest.mark.django_db
def test_a_changed_page_is_updated_and_a_removed_one_goes(tmp_path):
    write_page(tmp_path)
    gone = write_page(tmp_path, slug="timeouts")
    save_pages(read_pages(tmp_path)[0])
    gone.unlink()
    write_page(tmp_path, title="Bulkheads")

    counts = save_pages(read_pages(tmp_path)[0])

    assert counts == {"new": 0, "changed": 1, "unchanged": 0, "removed": 1}
    assert [(page.slug, page.title) for page in Pattern.objects.all()] == [("bulkhead", "Bulkheads")]


@pytest.fixture(scope="module")
def embedded() -> set[str]:
    """The sandboxes that the project's pages embed."""
    pages, _ = read_pages(FOLDER)
    return {part["slug"] for page in pages for part in page.values["parts"] if part["kind"] == "sandbox"}


@pytest.mark.parametrize("simulation", CATALOGUE, ids=lambda simulation: simulation.slug)
def test_every_simulation_is_embedded_by_a_page(embedded, simulation):
    assert simulation.slug in embedded
