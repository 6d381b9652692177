"""Customers in groups to act on: value tiers, states, RFM cells, and whom to win back."""
