"""What the library is to hold: every pattern by category, in the order of the shelves, and the exam's tasks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Category:
    """A shelf of the library; `patterns` maps slug to title."""

    title: str
    intro: str
    patterns: dict[str, str]


GUIDES = "Guides"

CATEGORIES = (
    Category(
        "Resilience",
        "Keep serving while a part is slow, failing or gone.",
        {
            "circuit-breaker": "Circuit breaker",
            "bulkhead": "Bulkhead",
            "retry-backoff": "Retries, backoff and jitter",
            "timeouts": "Timeouts and deadlines",
            "rate-limiting": "Rate limiting and throttling",
            "idempotency": "Idempotency",
            "failover": "Failover",
            "failure-detection": "Heartbeats and failure detection",
            "chaos-testing": "Testing for failure",
        },
    ),
    Category(
        "Data consistency and transactions",
        "Keep data right when one change spans several services.",
        {
            "saga": "Saga",
            "two-phase-commit": "Two-phase commit",
            "try-confirm-cancel": "Try-Confirm-Cancel",
            "cqrs": "CQRS",
            "event-sourcing": "Event sourcing",
            "transactional-outbox": "Transactional outbox",
            "eventual-consistency": "Eventual consistency",
            "cap-pacelc": "CAP and PACELC",
        },
    ),
    Category(
        "Partitioning and replication",
        "Spread data over many machines, and keep copies of it.",
        {
            "consistent-hashing": "Consistent hashing",
            "sharding": "Sharding",
            "replication": "Replication and quorums",
            "caching": "Caching",
        },
    ),
    Category(
        "Coordination",
        "Let many machines agree on one thing.",
        {
            "leader-election": "Leader election",
            "consensus": "Consensus",
        },
    ),
    Category(
        "Communication and integration",
        "Pass work and news between services without tying them together.",
        {
            "publish-subscribe": "Publish/subscribe",
            "queue-decoupling": "Decoupling with queues",
            "event-driven-architecture": "Event-driven architecture",
            "scatter-gather": "Scatter-gather",
            "ambassador": "Ambassador and sidecar",
            "strangler-fig": "Strangler fig",
            "load-balancing": "Load balancing",
        },
    ),
    Category(
        "Architecture",
        "Shape a whole system so that the patterns have room to work.",
        {
            "microservices": "Microservices",
            "serverless": "Serverless",
            "stateless-services": "Stateless services",
            "multi-az-multi-region": "Multi-AZ and multi-Region",
            "data-processing": "Distributed data processing",
            "observability": "Observability",
            "network-efficiency": "Network efficiency",
            "delivery-automation": "Delivery automation",
            "cloud-native": "Cloud-native design",
        },
    ),
    Category(
        GUIDES,
        "Pages that compare patterns and help to choose.",
        {
            "guide-choosing": "Choosing a pattern",
            "guide-transactions": "Choosing a distributed transaction",
            "guide-combinations": "Patterns that work together",
            "guide-tools": "From pattern to tool",
            "guide-exam": "Reading an exam question",
        },
    ),
)

SHELF_OF = {slug: category.title for category in CATEGORIES for slug in category.patterns}
TITLES = {slug: title for category in CATEGORIES for slug, title in category.patterns.items()}

TASKS = {
    "1.1": "Design secure access to AWS resources",
    "1.2": "Design secure workloads and applications",
    "1.3": "Determine appropriate data security controls",
    "2.1": "Design scalable and loosely coupled architectures",
    "2.2": "Design highly available and/or fault-tolerant architectures",
    "3.1": "Determine high-performing and/or scalable storage solutions",
    "3.2": "Design high-performing and elastic compute solutions",
    "3.3": "Determine high-performing database solutions",
    "3.4": "Determine high-performing and/or scalable network architectures",
    "3.5": "Determine high-performing data ingestion and transformation solutions",
    "4.1": "Design cost-optimized storage solutions",
    "4.2": "Design cost-optimized compute solutions",
    "4.3": "Design cost-optimized database solutions",
    "4.4": "Design cost-optimized network architectures",
}
