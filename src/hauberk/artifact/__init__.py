"""A model as bytes: named by digest, walked format by format, never loaded."""
