"""What customers bring in beside what it costs to win and to serve them."""
