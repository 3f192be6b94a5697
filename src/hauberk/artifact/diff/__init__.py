"""What changed between two models: files, tensors, layers, metadata and code, with sizes of change."""
