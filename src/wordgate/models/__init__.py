"""The families of classifiers: what each computes, without torch, and its state."""
