"""Files of any size, and streams, scored in fixed memory.

``score`` is the public function. ``scoring`` scores one file: ``input`` opens it and chooses the
columns of the text, ``predictions`` predicts a batch, ``writing`` makes bytes of it, and
``partial_output`` keeps what a kill leaves; ``remote_output`` uploads the result. Of many files,
``shards`` plans them, ``sharded`` scores each, and ``manifest`` lists what is finished.
"""
