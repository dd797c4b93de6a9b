"""A circuit breaker whose state many Lambda instances share through one DynamoDB table."""
