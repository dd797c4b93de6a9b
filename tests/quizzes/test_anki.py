from __future__ import annotations

import io
import json
import sqlite3
import time
from typing import Any
from zipfile import ZipFile

import pytest
from django.urls import reverse

from quizzes import anki
from quizzes.bank import BankQuestion
from tests.quizzes.conftest import RESPONSE, entry, save


def bank(*entries: dict[str, Any]) -> list[BankQuestion]:
    return [BankQuestion.model_validate(item) for item in entries]


def opened(packed: bytes) -> sqlite3.Connection:
    """The collection in a deck's file."""
    with ZipFile(io.BytesIO(packed)) as file:
        assert json.loads(file.read("media")) == {}
        connection = sqlite3.connect(":memory:")
        connection.deserialize(file.read("collection.anki2"))
    return connection


def rows(packed: bytes, query: str) -> list[Any]:
    connection = opened(packed)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def fields(packed: bytes, guid: str = "") -> list[dict[str, str]]:
    told = rows(packed, "select flds from notes order by id")
    return [dict(zip(anki.FIELDS, row[0].split("\x1f"), strict=True)) for row in told]


GOLDEN: dict[str, Any] = {
    "deck": 1517650292684,
    "model": 1692927401074,
    "notes": [("Qe_%X]zf2(", 1578329789897), ("g$iu%Nn)XJ", 1697682081195)],
}
DECK = anki.deck("circuit-breaker", "Circuit breaker", bank(entry(), entry(RESPONSE)))


def test_the_same_questions_make_the_same_bytes_at_any_time_and_in_any_order(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 4e9)

    again = anki.deck("circuit-breaker", "Circuit breaker", bank(entry(RESPONSE), entry()))

    assert again == DECK


def test_ids_stay_when_wording_changes_and_when_other_questions_come_or_go():
    options = entry()["options"]
    options[0]["reason"] = "Said better."
    other = anki.deck("circuit-breaker", "Breakers", bank(entry(options=options), entry(id="a-new-one")))

    def ids(packed):
        return dict(
            rows(
                packed,
                "select guid, n.id || ' ' || mid || ' ' || c.id || ' ' || did from notes n join cards c on nid = n.id",
            )
        )

    before, after = ids(DECK), ids(other)

    assert len(before) == len(after) == 2
    (shared,) = before.keys() & after.keys()
    assert before[shared] == after[shared]


def test_ids_are_those_of_the_first_release():
    """Whoever has a deck would learn everything anew if these changed."""
    assert anki.stable_id("deck circuit-breaker") == GOLDEN["deck"]
    assert anki.stable_id("model 1") == GOLDEN["model"]
    assert sorted(rows(DECK, "select guid, id from notes")) == GOLDEN["notes"]


def test_a_card_is_new_and_has_no_schedule():
    cards = rows(DECK, "select type, queue, ivl, factor, reps, lapses, left, odue, flags from cards")

    assert cards == [(0,) * 9] * 2
    assert rows(DECK, "select count(*) from revlog") == [(0,)]
    assert sorted(rows(DECK, "select due from cards")) == [(0,), (1,)]


def test_the_front_gives_nothing_away_and_the_back_tells_key_reasons_and_sources():
    (note,) = (told for told in fields(DECK) if told["Id"] == RESPONSE["id"])

    front = note["Question"] + note["Options"]
    assert all(option["text"] in front for option in RESPONSE["options"])
    assert "right" not in note["Options"]
    assert not any(option["reason"] in front for option in RESPONSE["options"])
    assert all(option["reason"] in note["Answer"] for option in RESPONSE["options"])
    assert note["Answer"].count("✓ right") == 2
    assert note["Answer"].count("✗ wrong") == 3
    assert 'href="https://docs.aws.amazon.com/cb.html"' in note["Sources"]
    assert note["Task"].startswith("2.2 Design highly available")


def test_the_letters_of_the_key_are_those_of_the_right_options():
    for note in fields(DECK):
        lines = note["Answer"].split("<li ")[1:]
        right = [letter for letter, line in zip("ABCDE", lines, strict=False) if line.startswith('class="right"')]
        assert f"Right: {' and '.join(right)}<" in note["Answer"]
        assert [line.split("</span>")[0].split(">")[-1] for line in lines] == [
            line.split("</span>")[0].split(">")[-1] for line in note["Options"].split("<li>")[1:]
        ]


def test_what_looks_like_markup_is_shown_as_it_is():
    options = entry()["options"]
    options[0]["text"] = "<script>alert(1)</script> & {{Question}}"

    (note,) = fields(anki.deck("saga", "Saga", bank(entry(options=options, stem="Is a < b > c?"))))

    assert note["Question"] == "Is a &lt; b &gt; c?"
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp;" in note["Options"]
    assert "<script" not in "".join(note.values())


def test_a_later_check_of_the_sources_makes_a_newer_note():
    source = entry()["sources"][0]

    def changed_at(checked):
        packed = anki.deck("saga", "Saga", bank(entry(sources=[source | {"checked": checked}])))
        return rows(packed, "select mod from notes")[0][0]

    assert changed_at("2026-11-24") - changed_at("2026-11-23") == 24 * 60 * 60


def test_the_card_has_colours_for_day_and_night():
    (told,) = rows(DECK, "select models from col")[0]
    (model,) = json.loads(told).values()

    assert model["name"] == anki.MODEL_NAME
    assert ".nightMode.card, .night_mode .card" in model["css"]


@pytest.mark.django_db
def test_the_deck_of_a_pattern_can_be_downloaded_where_its_questions_are(client, django_assert_num_queries):
    save(entry(), entry(RESPONSE, patterns=["saga"]))

    page = client.get(reverse("practice_about", args=["circuit-breaker"])).content.decode()
    with django_assert_num_queries(2):
        response = client.get(reverse("practice_deck", args=["circuit-breaker"]))

    assert reverse("practice_deck", args=["circuit-breaker"]) in page
    assert response.headers["Content-Disposition"] == 'attachment; filename="halfopen-circuit-breaker.apkg"'
    assert [note["Id"] for note in fields(response.content)] == ["circuit-breaker-01"]


@pytest.mark.django_db
@pytest.mark.parametrize("pattern", ["bulkhead", "no-such-pattern"])
def test_a_pattern_without_questions_has_no_deck(client, pattern):
    save(entry())

    assert client.get(reverse("practice_deck", args=[pattern])).status_code == 404
