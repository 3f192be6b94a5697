"""A model as a function: adapters with one small interface, bounds, feature constraints, query meter."""
