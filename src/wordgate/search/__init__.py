"""Search over families and settings: search spaces, and the Optuna study that stores trials."""
