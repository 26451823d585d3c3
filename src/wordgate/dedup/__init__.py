"""Near-duplicate detection: shingles, MinHash LSH, average linkage, fingerprints."""
