from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sandboxes.simulations.agenda import empty_agenda, next_at_s, pop, push


@settings(max_examples=100, deadline=None)
@given(moments_s=st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.5, 9.0]), min_size=1, max_size=60))
def test_items_come_out_by_moment_and_then_by_number(moments_s: list[float]) -> None:
    agenda = empty_agenda(len(moments_s))
    for item, at_s in enumerate(moments_s):
        push(agenda, at_s, item)

    taken = [(next_at_s(agenda), pop(agenda)) for _ in moments_s]

    assert taken == sorted((at_s, item) for item, at_s in enumerate(moments_s))


def test_an_empty_agenda_has_nothing_due() -> None:
    assert next_at_s(empty_agenda(1)) == float("inf")
