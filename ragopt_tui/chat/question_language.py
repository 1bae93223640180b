"""Whether a question is written in another language than the built-in networks read."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W\d_]+")
_LEAST_LETTERS = 4
_ENGLISH = frozenset(
    """
    the of is was were are what which who how when where why did does do has have had much many in
    on at for to from by with and or an as its their this that than year not over about between
    """.split()
)
_OTHERS = frozenset(
    """
    der die das und wie war ist im von hoch viel viele welche welcher wer wann warum wurde wurden
    hat hatte ein eine den dem des nicht mit für auf bei zum zur über
    el la los las cuál cuáles qué quién cuándo dónde cuánto cuántos cuanto fue fueron es del en por
    una un para con año según son
    le les des est était quel quelle quels quelles combien quand pourquoi où une du au aux dans pour
    sur avec sont
    il lo gli quale quali quanto quanti chi perché è era nel nella della dei delle di per con sono
    o os as qual quais quem quando onde foi foram do da dos das no na em uma ano são
    het een wat hoe wie waar wanneer waarom was van voor met op zijn
    och vad hur vem när var det som för på av är
    """.split()
)
_SHARED = _ENGLISH & _OTHERS


def is_in_another_language(question: str) -> bool:
    """Say whether a question is surely not English: by its script, or by its small words."""
    letters = [letter for letter in question if letter.isalpha()]
    if len(letters) < _LEAST_LETTERS:
        return False
    latin = sum("LATIN" in unicodedata.name(letter, "") for letter in letters)
    if 2 * latin < len(letters):
        return True
    words = [word for word in _WORD.findall(question.lower()) if word not in _SHARED]
    english = sum(word in _ENGLISH for word in words)
    others = sum(word in _OTHERS for word in words)
    return others >= 2 and others > 2 * english
