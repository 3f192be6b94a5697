"""Real models, made with the libraries that are installed. Runs on Python 3.7 and later, and imports no Hauberk.

Each module has SOURCES: functions that yield thunks, so that what an old release does not have costs that model alone.
"""
