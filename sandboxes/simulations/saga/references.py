"""Where the claims that the saga is checked against are made."""

from __future__ import annotations

from sandboxes.simulations.checks import Source

GARCIA_MOLINA = Source(
    "Garcia-Molina and Salem, Sagas, SIGMOD 1987, section 2", "https://dl.acm.org/doi/10.1145/38713.38742"
)
GRAY_LAMPORT = Source(
    "Gray and Lamport, Consensus on Transaction Commit, 2006, section 3",
    "https://lamport.azurewebsites.net/video/consensus-on-transaction-commit.pdf",
)
STEP_FUNCTIONS = Source(
    "AWS Step Functions, Handling errors in workflows, Retry",
    "https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html",
)
SEATA = Source(
    "Apache Seata, Idempotence, dangling and empty rollback in TCC mode",
    "https://seata.apache.org/blog/seata-tcc-fence/",
)
FRANK = Source(
    "Frank and Zahle, Semantic ACID properties in multidatabases, 1998",
    "https://doi.org/10.1002/(SICI)1097-024X(199801)28:1%3C77::AID-SPE148%3E3.0.CO;2-R",
)
BINOMIAL = Source(
    "NIST handbook, binomial distribution", "https://www.itl.nist.gov/div898/handbook/eda/section3/eda366i.htm"
)
LOGNORMAL = Source(
    "NIST handbook, lognormal distribution", "https://www.itl.nist.gov/div898/handbook/eda/section3/eda3669.htm"
)
