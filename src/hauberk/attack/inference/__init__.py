"""Inference attacks: what a model's answers give away about the data that it was trained on."""
