"""Experiments that join the packages: train, compare, evaluate, distill, audit, export, demo."""
