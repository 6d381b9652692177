"""What a customer base is: one module a question."""
