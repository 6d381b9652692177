"""Whether a log suits the models, before anything is fitted."""
