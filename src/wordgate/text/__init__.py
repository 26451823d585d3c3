"""From a string to word ids: tokenizers, the vocabulary, batches of similar length."""
