"""Models of other libraries, read as data: no code of a file is run, nor of its library."""
