"""The map shows what pages say of each other, each pair once, always in the same place."""

import re

import pytest

from patterns.catalogue import CATEGORIES, SHELF_OF, TITLES
from patterns.models import Pattern
from patterns.relations import WIDTH, Map, map_of

SAID = {
    "bulkhead": [("timeouts", "builds on"), ("circuit-breaker", "combined with")],
    "circuit-breaker": [("bulkhead", "contrasts with"), ("failover", "alternative to")],
    "timeouts": [],
    "saga": [("timeouts", "combined with")],
    "guide-choosing": [("saga", "contrasts with")],
}


def pages(said: dict[str, list[tuple[str, str]]]) -> list[Pattern]:
    return [
        Pattern(
            slug=slug,
            title=TITLES[slug],
            category=SHELF_OF[slug],
            related=[{"slug": other, "relation": relation} for other, relation in named],
        )
        for slug, named in said.items()
    ]


def told(drawn: Map) -> dict[str, dict[str, str]]:
    nodes = [node for group in drawn.groups for node in group.nodes]
    return {node.slug: {relation.slug: relation.kind for relation in node.relations} for node in nodes}


def test_a_node_tells_what_its_page_says_and_what_others_say_of_it():
    assert told(map_of(pages(SAID))) == {
        "bulkhead": {"timeouts": "builds on", "circuit-breaker": "combined with"},
        "circuit-breaker": {"bulkhead": "contrasts with"},
        "timeouts": {"bulkhead": "is built on by", "saga": "combined with"},
        "saga": {"timeouts": "combined with"},
    }


def test_each_pair_is_drawn_once_and_only_between_written_patterns():
    drawn = map_of(pages(SAID))

    assert [(edge.ends, edge.kind) for edge in drawn.edges] == [
        (("bulkhead", "timeouts"), "builds"),
        (("bulkhead", "circuit-breaker"), "combined"),
        (("saga", "timeouts"), "combined"),
    ]


def test_the_same_pages_give_the_same_picture():
    assert map_of(pages(SAID)) == map_of(pages(SAID))


def test_no_pages_give_an_empty_map():
    assert map_of([]).groups == ()


def test_the_whole_catalogue_fits_with_no_two_names_on_one_line():
    drawn = map_of(pages({slug: [] for slug in TITLES}))

    nodes = [node for group in drawn.groups for node in group.nodes]
    assert len(nodes) == len(TITLES) - len(CATEGORIES[-1].patterns)
    for left in (True, False):
        heights = sorted([node.y for node in nodes if node.left == left])
        heights += [group.y for group in drawn.groups if group.left == left]
        assert min(b - a for a, b in zip(sorted(heights), sorted(heights)[1:], strict=False)) >= 20
    columns = [sum(node.left for node in nodes), sum(not node.left for node in nodes)]
    assert max(columns) - min(columns) <= 5
    assert max(node.y for node in nodes) < drawn.height


def test_every_curve_stays_within_the_picture():
    everyone = list(TITLES)[:39]
    drawn = map_of(
        pages({slug: [(other, "combined with") for other in everyone if other != slug] for slug in everyone})
    )

    assert len(drawn.edges) == 39 * 38 / 2
    for edge in drawn.edges:
        xs = [float(pair.split()[0]) for pair in re.findall(r"[\d.]+ [\d.]+", edge.path)]
        assert all(200 < x < WIDTH - 200 for x in xs)


@pytest.mark.django_db
def test_the_map_links_every_pattern_in_the_picture_and_in_the_list_with_one_query(client, django_assert_num_queries):
    Pattern.objects.bulk_create(_with_order(pages(SAID)))

    with django_assert_num_queries(1):
        text = client.get("/patterns/map/").content.decode()

    assert text.count('href="/patterns/saga/"') == 2
    assert 'aria-label="Saga, 1 relation"' in text
    assert 'data-ends="bulkhead timeouts"' in text
    assert "is built on by" in text
    assert "guide-choosing" not in text
    assert " style=" not in text


def _with_order(written: list[Pattern]) -> list[Pattern]:
    for order, page in enumerate(written):
        page.order = order
    return written


@pytest.mark.django_db
def test_a_map_of_nothing_says_so(client):
    assert "nothing to relate" in client.get("/patterns/map/").content.decode()
