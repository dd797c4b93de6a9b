"""What the error code of a failed AWS call says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Sequence


def code_of(error: ClientError) -> str:
    """Such as ConditionalCheckFailedException: what AWS calls the error."""
    return error.response.get("Error", {}).get("Code", "")


def condition_failed(error: ClientError) -> bool:
    """Whether the write was refused because its own condition was false, so that nothing was written."""
    return code_of(error) == "ConditionalCheckFailedException"


def cancellation_reasons(error: ClientError) -> Sequence[str]:
    """Why DynamoDB cancelled a transaction: one code for each of its actions, in order, "None" where one was fine.

    Empty when the error is not a cancelled transaction.
    """
    reasons = error.response.get("CancellationReasons", [])
    return [reason.get("Code", "None") for reason in reasons]
