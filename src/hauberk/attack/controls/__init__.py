"""The controls: what the model does on clean data and under benign noise of the size of an attack."""
