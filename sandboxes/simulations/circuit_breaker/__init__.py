"""What a circuit breaker saves the callers of a dependency in trouble, and what it costs them."""
