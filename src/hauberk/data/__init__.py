"""A training or test set: read it, know its columns."""
