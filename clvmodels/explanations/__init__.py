"""Why customers have the value they have, and why it moved."""
