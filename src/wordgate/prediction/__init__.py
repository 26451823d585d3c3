"""From strings to probabilities, without torch."""
