"""A summary that is kept between days: a folder on disk, and updates of it by new orders alone."""
