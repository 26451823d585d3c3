"""How each family is fitted; the only place that imports torch."""
