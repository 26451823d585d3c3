"""Who is in train, validation and test, and why that is fair."""
