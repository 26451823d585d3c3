"""Pretrained word vectors: their files, finding words in them, and making them."""
