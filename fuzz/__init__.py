"""Hostile bytes for the scanner: mutations of the corpus, and the worst files that we could think of."""
