"""Train, judge and keep text classifiers that read word order."""
