"""Scores, intervals, calibration and error analysis, computed from arrays alone."""
