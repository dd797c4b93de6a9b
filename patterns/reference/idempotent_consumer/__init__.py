"""A consumer of an SQS queue that may get every message twice and counts it once."""
