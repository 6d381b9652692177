"""The report: one page in HTML from a log of orders."""
