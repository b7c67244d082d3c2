"""Open databases, one dialect a file: transactions, live schemas, and the sides of a mapping read by key."""
