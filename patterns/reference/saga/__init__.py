"""An order saga: a Step Functions state machine, its Lambda handlers, and the saga's state in DynamoDB."""
