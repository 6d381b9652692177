"""Speed beside peers, in the same run on the same input: ratios, not stopwatch readings."""
