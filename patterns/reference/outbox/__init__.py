"""A row and the event about it in one DynamoDB transaction, and the relay that sends the event on."""
