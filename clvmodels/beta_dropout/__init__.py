"""Customers who buy at a gamma rate and may leave, with a beta probability, after each purchase."""
