"""Arrays in, numbers out: what a model is worth, and how sure that is."""
