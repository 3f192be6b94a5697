"""Decisions: Cedar policies over verified evidence. Any forbid denies, no permit denies, an error denies."""
