"""The ground: nouns, canonical names, errors, ports. Standard library and rfc8785 only; no I/O."""
