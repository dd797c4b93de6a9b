"""What the public guide of SAA-C03 (version 1.1) says of the exam's four domains. Its tasks: patterns.catalogue.

https://docs.aws.amazon.com/aws-certification/latest/solutions-architect-associate-03/solutions-architect-associate-03.html
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    number: int
    title: str
    share_percent: int


DOMAINS = (
    Domain(1, "Design Secure Architectures", 30),
    Domain(2, "Design Resilient Architectures", 26),
    Domain(3, "Design High-Performing Architectures", 24),
    Domain(4, "Design Cost-Optimized Architectures", 20),
)


def domain_of(task: str) -> Domain:
    """The domain a task statement such as "2.2" belongs to."""
    return DOMAINS[int(task[0]) - 1]
