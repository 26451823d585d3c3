"""Searching families and settings: the ranges, and the Optuna study that keeps the trials."""
