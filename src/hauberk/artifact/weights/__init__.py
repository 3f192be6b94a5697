"""Weights out of a model's files, and into safetensors, without running any of them."""
