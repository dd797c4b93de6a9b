"""One question to several services at once, with a deadline; and a parallel scan of a DynamoDB table."""
