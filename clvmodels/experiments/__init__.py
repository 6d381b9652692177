"""Comparing groups of customers: arms of a test, or before and after; and how many it takes."""
