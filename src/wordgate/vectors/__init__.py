"""Pretrained word vectors: every real format, read in one pass that keeps what is wanted."""
