"""From a file to a table of labelled texts: where bad input ends."""
