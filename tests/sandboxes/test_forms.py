"""Groups of knobs: which fold, and which of those are open."""

from sandboxes.forms import controls, grouped
from sandboxes.simulations.circuit_breaker.declaration import CIRCUIT_BREAKER
from sandboxes.simulations.spec import BadParams, Problem

START = {**CIRCUIT_BREAKER.defaults, "seed": 1}


def groups(given=None, refused=None):
    members = controls(CIRCUIT_BREAKER, given or {}, refused, START)
    return {group.name: group for group in grouped(members, folded=("Dependency details",))}


def test_a_group_that_folds_is_closed_as_long_as_nothing_in_it_is_turned():
    found = groups({"dead_s": "60"})

    assert found["Dependency details"].folds
    assert not found["Dependency details"].is_open
    assert not found["Dependency script"].folds


def test_a_turned_or_wrong_knob_opens_its_group():
    wrong = BadParams((Problem("slow_factor", "slow_factor is 0; use 1 to 200"),))

    assert groups({"slow_factor": "31"})["Dependency details"].is_open
    assert groups({"slow_factor": "30"}, wrong)["Dependency details"].is_open


def test_groups_keep_all_controls_in_their_order():
    names = [control.name for group in groups().values() for control in group.controls]

    assert names == [*CIRCUIT_BREAKER.params.model_fields, "seed"]


def test_every_group_that_folds_has_knobs():
    assert set(CIRCUIT_BREAKER.folded) <= {knob.group for knob in CIRCUIT_BREAKER.knobs.values()}
