"""What the sandboxes keep for a learner: exported, moved from a guest to an account, or not worth keeping."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from sandboxes.experiments import reopen
from sandboxes.models import Experiment


def export(user: User) -> dict[str, Any]:
    """Every experiment with its whole parameter set, ready for JSON."""
    return {"experiments": [_experiment(kept) for kept in Experiment.objects.filter(learner=user)]}


def merge(guest: User, user: User) -> None:
    """Move the experiments, also those beyond what one account may save. Call it in a transaction."""
    Experiment.objects.filter(learner=guest).update(learner=user)


def empty_handed(learners: QuerySet[User]) -> QuerySet[User]:
    """Those who never saved an experiment, or deleted all they had saved."""
    return learners.filter(experiments__isnull=True)


def _experiment(kept: Experiment) -> dict[str, Any]:
    return {
        "id": str(kept.id),
        "title": kept.title,
        "note": kept.note,
        "simulation": kept.slug,
        "version": kept.version,
        "page": kept.page,
        "params": kept.params,
        "seed": kept.seed,
        "extras": kept.extras,
        "address": reopen(kept).address or None,
        "saved_at": kept.created_at.isoformat(),
        "changed_at": kept.changed_at.isoformat(),
    }
