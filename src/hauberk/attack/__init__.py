"""Attacks on a model, the controls they are read against, and the referee who alone says what broke.

    threat     what an attacker may change, and how far
    evasion/   one paper a file; pure functions from examples to candidates
    referee    measures success, distance and validity from the model's own answers
    controls/  clean quality and benign noise: what happens without an attacker
    inference/ what a model tells about its training data
"""
