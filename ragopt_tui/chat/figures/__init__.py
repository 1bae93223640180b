"""Figures of an answer, verified against the passages it cites.

`grammar` reads figures (`numerals`, `units`, `quantities`, `moments`); `sources` reads those of a
passage with what tables `declare` and sentences make of them (`senses`, `periods`); `matching` and
`computed` compare; `verify` is what the rest of the program calls.
"""
