"""Figures of an answer, verified against the passages it cites.

`grammar` reads figures (`numerals`, `units`, `quantities`, `moments`); `passages` and `cells` read
those of the evidence with what tables declare (`declared`) and words make of them (`senses`,
`periods`); `matching`, `placement`, `doubted_years` and `computed` compare; `verify` is what the
rest of the program calls, `summary` what it shows.
"""
