"""The saga as the engine meets it."""

from __future__ import annotations

from sandboxes.simulations.saga import charts, checks, measures, model, params, replay, size
from sandboxes.simulations.spec import Scenario, Simulation, SweepIdea

SAGA = Simulation(
    slug="saga",
    title="Saga",
    category="Data consistency and transactions",
    summary="An order is many steps at many services. See what is undone when one fails, and what breaks without care.",
    version=2,
    model=model,
    params=params.SagaParams,
    run=model.run,
    metrics=measures.METRICS,
    measure=measures.measure,
    charts=charts.charts,
    explain=measures.explain,
    requests=size.requests,
    max_requests=6_000_000,
    sized_in="lines in its log",
    smaller="fewer orders, steps, retries or doubled events",
    scenarios=(
        Scenario(
            "undone-in-reverse",
            "Undone in reverse",
            "One order in five is refused at its last step, when it is paid for and confirmed. Follow such an order "
            "down its sequence: shipping says no, and the other three steps are undone, the last first.",
            {
                "permanent_failure_percent_by_step": "0,0,0,20",
                "transient_failure_percent": 0,
                "timeout_percent": 0,
                "compensation_failure_percent": 0,
                "stock_per_item": 100,
            },
        ),
        Scenario(
            "charged-twice",
            "Charged twice",
            "The handlers remember nothing. When an answer is lost the coordinator asks again, as it must, and the "
            "customer is charged again. Undoing blindly is no better: it pays back what was never paid. Make the "
            "handlers idempotent, and the same lost answers break nothing.",
            {"idempotent_handlers": False, "timeout_percent": 5},
        ),
        Scenario(
            "the-last-unit",
            "The last unit, sold again and again",
            "Every local transaction is sound, and yet items are oversold: the stock is looked at in one step, taken "
            "in another, and in between others look too. A semantic lock keeps the unit aside, a pivot looks again.",
            {"isolation": "none", "median_latency_ms": 300},
        ),
        Scenario(
            "the-log-is-gone",
            "The log is gone",
            "The coordinator dies halfway and kept its state in memory. Orders under way then are forgotten, the paid "
            "ones with their money, and nobody will ever undo them: they are the unfinished ones. With a durable log "
            "it takes all of them up again.",
            {"crashes": 1, "coordinator_log": "lost"},
        ),
        Scenario(
            "locked-until-it-is-back",
            "Locked until it is back",
            "The same orders under two-phase commit. Nothing is ever half done, but when the coordinator dies whoever "
            "has voted holds its lock until it is back: the line of locked rows stands still for 20 s, and so does the "
            "longest lock. Orders that came meanwhile then all want rows at once, and many wait in vain. Keep this run "
            "as the baseline and choose Saga.",
            {"protocol": "two_phase_commit", "crashes": 1, "down_s": 20, "stock_per_item": 100},
        ),
    ),
    sweeps=(
        SweepIdea(
            "What retries save",
            "Failures for now across, retries upwards. Each retry multiplies a step's chance to fail for good by the "
            "failure rate once more, so a few go a long way, until nearly every attempt fails.",
            {"orders": 1000, "stock_per_item": 1000, "timeout_percent": 0},
            {
                "x": "transient_failure_percent",
                "x_from": "0",
                "x_to": "90",
                "x_steps": "19",
                "y": "retry_max_attempts",
                "y_from": "0",
                "y_to": "6",
                "y_steps": "7",
                "metric": "committed_fraction",
                "seeds": "3",
            },
        ),
        SweepIdea(
            "Slower steps, more oversold",
            "Without isolation every order that looks at the last unit before another takes it is sold one too. The "
            "longer the way from the look to the sale, the more of them there are.",
            {"isolation": "none"},
            {
                "x": "median_latency_ms",
                "x_from": "10",
                "x_to": "1000",
                "x_steps": "21",
                "x_spacing": "log",
                "metric": "oversold",
                "seeds": "5",
            },
        ),
    ),
    checks=checks.CHECKS,
    folded=("Step details",),
    replay=replay.replay,
)
