"""The words and turns of phrase by which a follow-up is recognised."""

from __future__ import annotations

import re

from ragopt_tui.knowledge.words import concepts_in, stem

OPENING = re.compile(
    r"(?:(?:and|but|or|also)\b,?\s*)?(?:what about|how about|what of|(?:the )?same (?:question )?for)\b|"
    r"(?:and|but|or|also)\b,?(?=\s)",
    re.IGNORECASE,
)
CLAUSE = re.compile(
    r"(?:(?:by|in|at|of|for|since|from|to|until) )?(?:what|how|why|who|whom|whose|when|where|which|did|does|do|was|were|is|"
    r"are|has|have|had|can|could|will|would)\b",
    re.IGNORECASE,
)
WHY = re.compile(r"(?:why|how come|how so|what (?:caused|drove|explains))\b", re.IGNORECASE)
ASKS_FIGURE = re.compile(
    r"(?:how (?:much|many|big|large|high|low)|what (?:was|were)|why|by how)\b", re.IGNORECASE
)
FILLER = frozenset(
    """
    a about again also and as at but by compared during for from full how in instead much of on only
    or over please same since than the then to total versus vs what with year
    """.split()
)
PRONOUN = re.compile(
    r"\b(?:it|its|they|their|them|he|she|him|his|her)\b"
    r"(?! (?:true|possible|likely|correct)\b| (?:costs?|takes?|took) (?-i:[A-Z]))"
    r"|(?<!\w)(?:that|this|those|these)(?=\s*[?.!,]|$| (?:as|came|went|is|was|were|are|in|of|so|to|than|from|for|up|down|at|by|"
    r"with|and|relative|compared?|chang|f[ae]ll|rose|rise|r[ai]s|drop|improv|grow|grew|happen|due|"
    r"low|high|large|big|small)\w*)",
    re.IGNORECASE,
)
PERSON = frozenset(("he", "she", "him", "his", "her"))
POSSESSIVE = frozenset(("its", "their", "his", "her"))
DEMONSTRATIVE = frozenset(("that", "this", "those", "these"))
_AUXILIARIES = r"(?:did|does|do|has|have|had|is|are|was|were|will|can|could|would)\b"
ASKED_OF_IT = re.compile(
    r"(?:\w+ )?(?:what|how|which|when|where|why|who)\b"
    rf"(?:(?!\b(?:and|or|that|{_AUXILIARIES}))[^,;])*\b{_AUXILIARIES} ",
    re.IGNORECASE,
)
"""The words before a pronoun that is the subject of the question itself."""
COMPARES = re.compile(r"\b(?:compar|differ|versus|vs\b|than\b)", re.IGNORECASE)
LOOSE_ENDS = re.compile(r"^(?:at|for|by|with)$|\s(?:at|of|for|by|from|in|with|to)$", re.IGNORECASE)
IT_ALONE = re.compile(
    r"\b(?:how (?:much|big|large|high|low)|what) (?:was|were|is|are) (?:it|they)\b", re.IGNORECASE
)
ACTS = frozenset(
    "do earn find get give have hold make name pay run say sell spend take tell".split()
)
"""What companies and people do, in words too common to be told from the rest of a question."""
_CHANGE_CONCEPTS = concepts_in([stem("increase")]) | concepts_in([stem("decrease")])
_CHANGE_WORDS = frozenset(
    map(
        stem,
        """
        behind cause caused change changed compare compared compares contract develop difference
        differ drive drove driven earlier expand explain happen high higher improve improved jump
        less low lower moved percent percentage previous prior proportion reason recover relative
        share shrink slip vary weak worse worsen
        """.split(),
    )
)
RELATIVE = re.compile(
    r"\b(?P<preposition>in |for )?(?:(?P<before>the (?:year|one) before|the (?:previous|prior|preceding) "
    r"year|(?:a|one) year (?:earlier|before)|(?:the )?prior year)|(?P<after>the (?:year after|following "
    r"year|next year)|(?:a|one) year later)|(?P<same>(?:that|the same) (?:year|quarter|period|half)))\b",
    re.IGNORECASE,
)
ASKS_WHAT = re.compile(
    r"(?:what|how much|how many|which)\s+(?:of |in )?(?!was\b|were\b|is\b|are\b|did\b|does\b|of\b)",
    re.IGNORECASE,
)
IS = re.compile(r"(?:what|how \w+|which|who) (?:was|were|is|are)\s+", re.IGNORECASE)
AUXILIARY = re.compile(
    r"\s(?:did|does|do|has|have|had|was|were|is|are|came|comes)\b", re.IGNORECASE
)
PREPOSITION = re.compile(
    r"(?P<preposition>(?:in|for|at|to|from|of|with|by) )(?:the )?", re.IGNORECASE
)
PERSON_NAME = re.compile(r"\b[A-Z][a-z'’-]+(?: [A-Z]\.)?(?: [A-Z][a-z'’-]+)+")


def is_change(word: str) -> bool:
    """Whether a stem speaks of how something changed, compares or came about."""
    return word in _CHANGE_WORDS or bool(concepts_in([word]) & _CHANGE_CONCEPTS)
