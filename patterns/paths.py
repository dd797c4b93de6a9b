"""Suggested orders of reading. The pages are the catalogue's; the hours are for reading, trying and answering."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """One sitting, or a few: what it is about, how long it takes, and its pages in order."""

    title: str
    words: str
    hours: float
    slugs: tuple[str, ...]


@dataclass(frozen=True)
class LearningPath:
    """An order of reading for somebody: `words` says for whom and what it leaves out."""

    slug: str
    title: str
    words: str
    stages: tuple[Stage, ...]

    @property
    def hours(self) -> float:
        return sum(stage.hours for stage in self.stages)

    @property
    def slugs(self) -> tuple[str, ...]:
        return tuple(slug for stage in self.stages for slug in stage.slugs)


PATHS = (
    LearningPath(
        "weekend",
        "Task 2.2 in a weekend",
        "For two days before the exam: highly available and fault-tolerant architectures, where patterns count most.",
        (
            Stage(
                "Saturday morning: what fails, and what takes over",
                "Availability as arithmetic, how a failure is noticed, and what then happens to the traffic.",
                3,
                ("multi-az-multi-region", "failure-detection", "failover", "load-balancing"),
            ),
            Stage(
                "Saturday afternoon: calls that go wrong",
                "Four layers around one call, in the order in which they nest.",
                3.5,
                ("timeouts", "retry-backoff", "circuit-breaker", "bulkhead"),
            ),
            Stage(
                "Sunday morning: work and data that must not be lost",
                "Queues, handlers that may run twice, copies, and changes that span services.",
                3.5,
                ("queue-decoupling", "idempotency", "replication", "saga"),
            ),
            Stage(
                "Sunday afternoon: proof",
                "How you would know that it works, how the questions are worded, and then practice.",
                2,
                ("chaos-testing", "observability", "guide-exam"),
            ),
        ),
    ),
    LearningPath(
        "exam",
        "The whole exam",
        "For six or seven weeks of evenings, by the exam's domains. Security, storage classes and the prices of single "
        "services are in AWS's own documentation; here are the designs they serve.",
        (
            Stage(
                "What is asked",
                "The form of the exam, and which need leads to which pattern.",
                1,
                ("guide-exam", "guide-choosing"),
            ),
            Stage(
                "Loosely coupled",
                "Task 2.1: parts that know little of each other, and work that waits its turn.",
                7,
                (
                    "stateless-services",
                    "load-balancing",
                    "queue-decoupling",
                    "publish-subscribe",
                    "event-driven-architecture",
                    "microservices",
                    "serverless",
                    "ambassador",
                    "strangler-fig",
                ),
            ),
            Stage(
                "Highly available",
                "Task 2.2: what takes over, who notices, and what one failing call may cost.",
                7,
                (
                    "multi-az-multi-region",
                    "failure-detection",
                    "failover",
                    "timeouts",
                    "retry-backoff",
                    "circuit-breaker",
                    "bulkhead",
                    "idempotency",
                    "rate-limiting",
                    "chaos-testing",
                ),
            ),
            Stage(
                "Fast and large",
                "Domain 3, and the tasks of domain 4 that go with it: data spread, copied, cached and moved.",
                6,
                (
                    "caching",
                    "sharding",
                    "consistent-hashing",
                    "replication",
                    "eventual-consistency",
                    "cap-pacelc",
                    "scatter-gather",
                    "data-processing",
                    "network-efficiency",
                ),
            ),
            Stage(
                "Changes across services",
                "Which promise each way of changing several stores makes, and how to choose.",
                5,
                (
                    "saga",
                    "two-phase-commit",
                    "try-confirm-cancel",
                    "guide-transactions",
                    "transactional-outbox",
                    "cqrs",
                    "event-sourcing",
                ),
            ),
            Stage(
                "Agreeing, delivering, watching",
                "What remains, and how it all fits together. After it, mock exams.",
                4,
                (
                    "leader-election",
                    "consensus",
                    "observability",
                    "delivery-automation",
                    "cloud-native",
                    "guide-combinations",
                    "guide-tools",
                ),
            ),
        ),
    ),
    LearningPath(
        "engineers",
        "For engineers",
        "For people who build such systems and sit no exam: from one call outwards. Begin each page with its sandbox.",
        (
            Stage(
                "One call",
                "It is slow, it fails, it is made twice, and there are too many of it.",
                4.5,
                ("timeouts", "retry-backoff", "idempotency", "circuit-breaker", "bulkhead", "rate-limiting"),
            ),
            Stage(
                "Work that waits",
                "Queues and events, and the gap between a row and the message that tells of it.",
                3,
                ("queue-decoupling", "transactional-outbox", "publish-subscribe", "event-driven-architecture"),
            ),
            Stage(
                "One change in several places",
                "With locks, with compensations, with reservations.",
                3,
                ("saga", "two-phase-commit", "try-confirm-cancel", "guide-transactions"),
            ),
            Stage(
                "Data in many places",
                "Which node has it, which copy is right, and what a reader may see.",
                5,
                (
                    "sharding",
                    "consistent-hashing",
                    "replication",
                    "eventual-consistency",
                    "cap-pacelc",
                    "caching",
                    "cqrs",
                    "event-sourcing",
                ),
            ),
            Stage(
                "Machines that agree",
                "Who is alive, who leads, and how a majority decides.",
                3,
                ("failure-detection", "leader-election", "consensus", "failover"),
            ),
            Stage(
                "In production",
                "Where requests go, how one change is let out, and how one sees what happens.",
                4,
                (
                    "load-balancing",
                    "scatter-gather",
                    "observability",
                    "delivery-automation",
                    "chaos-testing",
                    "guide-combinations",
                    "guide-tools",
                ),
            ),
        ),
    ),
)
