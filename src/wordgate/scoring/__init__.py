"""Files of any size, and streams, scored in fixed memory.

A file goes through the modules of this folder in this order: ``source`` (bytes, as they come),
``survey`` (what one look at all of it tells), ``characters``, one of ``delimited``, ``jsonl`` and
``parquet`` (batches of records), ``answers`` (what a model says of them), ``writing`` (bytes
again), ``keeping`` (what a kill leaves). ``scoring`` joins them.
"""
