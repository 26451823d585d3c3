"""Files of any size, and streams, scored in fixed memory.

``input`` opens a file and chooses the columns of the text, ``predictions`` predicts a batch,
``writing`` makes bytes of it, ``partial_output`` keeps what a kill leaves, ``scoring`` joins them;
``remote_output`` uploads the result. Of many files, ``shards`` plans them, ``sharded`` scores each,
and ``manifest`` lists what is finished.
"""
