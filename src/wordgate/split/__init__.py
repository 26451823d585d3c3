"""Splits into train, validation and test, cross-validation folds, and their leakage."""
