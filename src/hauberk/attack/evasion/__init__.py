"""Evasion: small changes of an input that change the model's answer. One paper a file.

`apgd` is white box and needs torch; `square` and `hopskipjump` are black box over any Model.
"""
