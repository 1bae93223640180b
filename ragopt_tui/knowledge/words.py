"""Words as they are compared: lower case, stemmed, synonyms of the field as one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import snowballstemmer

from ragopt_tui.knowledge.finance_terms import SAME_MEANING

_STEMMER = snowballstemmer.stemmer("english")
_WORD = re.compile(r"\d[\d,.]*\d%?|\d%?|[^\W\d_][\w'’]*(?:[-&](?=\w)[\w'’]*)*")
_STOP = frozenset(
    """
    a about above after all also am an and any are as at be been before being between both but by
    can could did do does doing during each for from had has have having he her here his how i if
    in into is it its just many me more most much my no not of on one only or other our out over
    own same she should so some such than that the their them then there these they this those
    through to too under until up very was we were what when where which while who whom whose why
    will with would you your s t tell give show please per amount much total value figure report
    reported reports company year fiscal fy
    work works make made spend spent get got come came go went happen happened take took see seen
    big large high low long old say said says stand stood run ran find found list name named
    """.split()
)


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Give the stem of one lower-case word; figures lose their digit separators."""
    if word[0].isdigit():
        return word.replace(",", "").rstrip(".")
    return str(_STEMMER.stemWord(word))


def words_of(text: str) -> list[str]:
    """Give the words and figures of a text in order, lower case, hyphenated words in parts."""
    return [word for raw in _WORD.findall(text.lower()) for word in _parts(raw)]


@lru_cache(maxsize=65536)
def _parts(raw: str) -> tuple[str, ...]:
    """Give the words in one match of _WORD."""
    word = raw.replace("’", "'").removesuffix("'s").rstrip("'")
    return tuple(part for part in word.split("-") if part) if "-" in word else (word,)


def stems_of(text: str) -> list[str]:
    """Give the stems of a text's words, stop words included."""
    return [stem(word) for word in words_of(text)]


@dataclass(frozen=True, slots=True, eq=False)
class TextWords:
    """What is compared of one text.

    `stems` are those of its words in order, `distinct` each once; `content` are the words that
    carry its meaning; `concepts` number the lines of SAME_MEANING that it names.
    """

    stems: tuple[str, ...]
    distinct: frozenset[str]
    content: frozenset[str]
    concepts: frozenset[int]


@lru_cache(maxsize=32_768)
def text_words(text: str) -> TextWords:
    """Give the words of a text that stands in several places, as headings do; they are kept."""
    words = words_of(text)
    stems = tuple(map(stem, words))
    distinct = frozenset(stems)
    return TextWords(stems, distinct, frozenset(words) - _STOP, frozenset(concepts_in(stems)))


def content_words(text: str) -> list[str]:
    """Give the words that carry a text's meaning, in order, those that stand twice too."""
    return [word for word in words_of(text) if word not in _STOP]


def content_stems(text: str) -> list[str]:
    """Give the distinct stems of `content_words`, in order of appearance."""
    return list(dict.fromkeys(map(stem, content_words(text))))


def _concepts() -> dict[tuple[str, ...], int]:
    return {
        tuple(stems_of(name)): concept
        for concept, names in enumerate(SAME_MEANING)
        for name in names
    }


def _by_first_stem() -> dict[str, list[tuple[tuple[str, ...], int]]]:
    named: dict[str, list[tuple[tuple[str, ...], int]]] = {}
    for stems, concept in _concepts().items():
        named.setdefault(stems[0], []).append((stems, concept))
    return named


_CONCEPTS_BEGINNING_WITH = _by_first_stem()


def concepts_in(stems: Sequence[str]) -> set[int]:
    """Give the numbers of the concepts (lines of SAME_MEANING) that a run of stems names."""
    found: set[int] = set()
    if _CONCEPTS_BEGINNING_WITH.keys().isdisjoint(stems):
        return found
    for at, first in enumerate(stems):
        if first in _CONCEPTS_BEGINNING_WITH:
            for name, concept in _CONCEPTS_BEGINNING_WITH[first]:
                if tuple(stems[at : at + len(name)]) == name:
                    found.add(concept)
    return found


@cache
def stems_of_concept(concept: int) -> frozenset[str]:
    """Give the stems of all names of a concept, a line number of SAME_MEANING."""
    return frozenset(word for name in SAME_MEANING[concept] for word in stems_of(name))
