"""Orders as shops export them: known layouts to one row an order."""
