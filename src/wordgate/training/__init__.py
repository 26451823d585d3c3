"""Fitting the families of models; the only place that imports torch."""
