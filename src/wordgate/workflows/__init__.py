"""The few functions that join the stations: train, evaluate, demo."""
