"""Reports: pages with charts, plain text, and the sentences about results."""
