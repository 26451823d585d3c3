"""Files of any size, and streams, scored in fixed memory.

A file that `wordgate.tables` reads goes through the modules of this folder in this order:
``opening`` (which columns make the text), ``answers`` (what a model says of a batch), ``writing``
(bytes again), ``keeping`` (what a kill leaves). ``scoring`` joins them.
"""
