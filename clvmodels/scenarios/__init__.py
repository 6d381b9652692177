"""What if customers stayed longer, bought more often, or spent more: the change in value."""
