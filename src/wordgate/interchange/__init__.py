"""Import of models of other libraries, as data: no code of files or libraries is executed."""
