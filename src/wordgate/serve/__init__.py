"""A model over HTTP: an API for programs, a page for people."""
