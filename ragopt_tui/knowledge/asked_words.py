"""The words of a question: how rare each is, and which of them a text says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from ragopt_tui.knowledge.question import Question
from ragopt_tui.knowledge.words import TextWords, stem, stems_of_concept


class AskedWords:
    """A question's stems, weighed by their rarity (inverse document frequency) in some texts.

    What of them a text says is looked at once, however many units have it in their context.
    """

    def __init__(self, question: Question, texts: Sequence[TextWords]) -> None:
        """Weigh the question's stems."""
        self._question = question
        self._stems = frozenset(question.stems)
        self._found: dict[TextWords, frozenset[str]] = {}
        seen = {word: sum(word in text.distinct for text in texts) for word in question.stems}
        self.weights = {
            word: math.log(1 + len(texts) / max(1, count)) for word, count in seen.items()
        }
        self._total = sum(self.weights.values())
        self._heaviest = max(self.weights.values(), default=1)

    def of_words(self) -> dict[str, float]:
        """Give the weight of each content word, unstemmed."""
        return {word: self.weights.get(stem(word), 0.0) for word in self._question.words}

    def missing(self, texts: Sequence[TextWords]) -> list[str]:
        """Give the stems that neither stand in any of some texts nor are meant by it."""
        found = [self._found_in(text) for text in texts]
        return [word for word in self._question.stems if not any(word in each for each in found)]

    def overlap(self, missing: Sequence[str]) -> float:
        """Give the share of the weights that is not missing; 1 where nothing is asked."""
        if not self._total:
            return 1.0
        return 1 - sum(self.weights[word] for word in missing) / self._total

    def rarest(self, missing: Sequence[str]) -> float:
        """Give 0 where the heaviest stem is missing, more where only lighter ones are, else 1."""
        return 1 - max((self.weights[word] for word in missing), default=0) / self._heaviest

    def phrase(self, text: TextWords) -> float:
        """Give the share of the question's pairs of adjacent stems that a text has."""
        pairs = self._question.pairs
        return len(pairs.intersection(pairwise(text.stems))) / len(pairs) if pairs else 0.5

    def _found_in(self, text: TextWords) -> frozenset[str]:
        found = self._found.get(text)
        if found is None:
            meant = map(stems_of_concept, text.concepts & self._question.concepts)
            found = self._stems & text.distinct.union(*meant)
            self._found[text] = found
        return found
