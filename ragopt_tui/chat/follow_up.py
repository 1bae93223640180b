"""A follow-up is read against the questions before it: "and in 2022?", "why did it fall?".

A question is a follow-up if it
- begins with "and", "what about" or the like and asks no whole question about a named company,
- holds a pronoun for which it names nothing itself,
- consists of a year, a period or a company alone, or refers to another's year ("the year before"),
- or is a "why" that names no company, period or name and no word but the last question's and
  those for metrics and changes.

Then the last question, as it was read, is asked with the period, company, name or metric that the
follow-up names; or what the last question is about stands in the pronoun's place. Any other
question is left as it is, as is one of more than 200 characters or after one of more than 1,000.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ragopt_tui.chat.follow_up_words import (
    ACTS,
    ASKED_OF_IT,
    ASKS_FIGURE,
    ASKS_WHAT,
    AUXILIARY,
    CLAUSE,
    COMPARES,
    DEMONSTRATIVE,
    FILLER,
    IS,
    IT_ALONE,
    LOOSE_ENDS,
    OPENING,
    PERSON,
    PERSON_NAME,
    POSSESSIVE,
    PREPOSITION,
    PRONOUN,
    RELATIVE,
    WHY,
    is_change,
)
from ragopt_tui.chat.question_slots import (
    Period,
    Span,
    bare,
    companies_of,
    metric_head,
    names_metric,
    names_of,
    period_of,
    without,
)
from ragopt_tui.knowledge.question import years_in
from ragopt_tui.knowledge.sentences import sentence_spans
from ragopt_tui.knowledge.words import content_stems, stem, stems_of, words_of

LOOKED_BACK = 4
"""How many earlier questions a follow-up may mean, at most."""
_LONGEST = 200
_LONGEST_LAST = 1000
_BEING = frozenset(("was", "were", "is", "are", "many", "high", "large"))


@dataclass(frozen=True, slots=True)
class Earlier:
    """A question as it was read, and the beginning of its answer, if it has one."""

    question: str
    answer: str = ""


def first_sentence(answer: str) -> str:
    """Give the first sentence of an answer's text without its marks and citations."""
    plain = re.sub(r"\[[\d, ]+\]|[*_`#>]", "", answer[:2000]).strip()
    return next((plain[start:end] for start, end in sentence_spans(plain)), "")


def resolve(question: str, earlier: Sequence[Earlier], companies: Collection[str]) -> str:
    """Give a question as it is to be read after others, oldest first: itself, unless a follow-up.

    `companies` are the names that the index knows.
    """
    before = [each for each in earlier[-LOOKED_BACK:] if each.question.strip()]
    if not before or len(question) > _LONGEST or len(before[-1].question) > _LONGEST_LAST:
        return question
    resolved = _FollowUp(question, before, companies).resolved()
    return resolved[:1].upper() + resolved[1:] if resolved else question


class _FollowUp:
    def __init__(
        self, question: str, earlier: Sequence[Earlier], companies: Collection[str]
    ) -> None:
        self._companies = companies
        self._last = " ".join(earlier[-1].question.split()).rstrip("?.! ")
        self._answer = earlier[-1].answer
        self._last_period = period_of(self._last)
        self._last_company = next(
            (
                found[-1]
                for each in (self._last, *(e.question for e in reversed(earlier[:-1])))
                if (found := companies_of(each, companies))
            ),
            None,
        )
        asked = " ".join(question.split())
        self._text = self._with_years(asked)
        self._refers_to_year = self._text != asked

    def resolved(self) -> str:
        """Give the question in full, or "" if it is no follow-up."""
        opening = OPENING.match(self._text)
        rest = self._text[opening.end() :].strip() if opening else self._text
        period, named = period_of(rest), companies_of(rest, self._companies)
        remainder = without(rest, period.span if period else None, *named).strip(" ?.!,")
        remainder = LOOSE_ENDS.sub("", remainder)
        words = words_of(remainder)
        if (period or named) and all(word in FILLER for word in words):
            return self._refilled(period, named, "")
        pronoun = self._dangling_pronoun(rest, named)
        fragment = opening is not None and not CLAUSE.match(rest)
        if pronoun and remainder.lower() == pronoun[0].lower():
            return ""
        if pronoun and not (fragment and pronoun[0].lower() in POSSESSIVE):
            return self._with_antecedent(rest, pronoun, named)
        if not words or (len(words) == 1 and not opening and not WHY.match(remainder)):
            return ""
        if fragment:
            return self._refilled(period, named, remainder)
        if named:
            return ""
        if opening or self._refers_to_year or self._is_bare_why(rest, period):
            return self._completed(rest, period)
        return ""

    def _with_years(self, text: str) -> str:
        """Replace "the year before" and "that quarter" by what they are after the last question."""
        last = self._last_period
        if last is None or not last.years or period_of(text):
            relative = None
        else:
            relative = RELATIVE.search(text)
        if relative is None or last is None:
            return text
        if relative["same"]:
            meant = last.core
        else:
            year = max(years_in(last.years), default="")
            other = str(int(year) + (1 if relative["after"] else -1)) if year else last.core
            meant = last.refined(_year(other)).removeprefix(last.preposition)
        preposition = relative["preposition"] or last.preposition or "in "
        if re.search(r"\b(?:with|than|to|from|of|about|and|for) $", text[: relative.start()]):
            preposition = ""
        return text[: relative.start()] + preposition + meant + text[relative.end() :]

    def _refilled(self, period: Period | None, named: Sequence[Span], phrase: str) -> str:
        """Ask the last question with another period, company, and name or metric."""
        company = bare(named[-1].text) if named else ""
        company = company[:1].upper() + company[1:]
        phrase = re.sub(r"^(?:the|its|their)\s+", "", phrase)
        if phrase and names_metric(phrase) and not PREPOSITION.match(phrase):
            return self._metric(phrase, company, period)
        question = self._with_company(self._last, company)
        if phrase:
            question = self._with_name(question, phrase)
        return _with_period(question, period) + "?"

    def _metric(self, metric: str, company: str, period: Period | None) -> str:
        names = [] if names_of(metric, start=0) else self._names(self._last)
        scope = self._scope(company or self._company(), [name.text for name in names])
        when = self._when(period)
        return f"What was {scope}{metric}{' ' + when if when else ''}?"

    def _with_company(self, question: str, company: str) -> str:
        """Put a company in the place of the one that a question names, or add it."""
        if not company:
            return question
        there = companies_of(question, self._companies)
        if not there:
            names = names_of(question)
            return f"{question} at {company}" if not names else f"{question} for {company}"
        for span in reversed(there):
            ending = span.text[len(bare(span.text)) :]
            question = question[: span.start] + company + ending + question[span.end :]
        return question

    def _with_name(self, question: str, phrase: str) -> str:
        """Put a name in the place of the last one that a question names, or add it."""
        led = PREPOSITION.match(phrase)
        name = phrase[led.end() :] if led else phrase
        names = self._names(question)
        if not names:
            return f"{question} {led['preposition'] if led else 'for '}{name}"
        old = names[-1]
        noun, own = (re.search(r" [a-z]+$", text) for text in (old.text, name))
        if own and question[old.end :].startswith(own[0]):
            name = name[: own.start()]
        elif noun and not own:
            name += noun[0]
        return question[: old.start] + name + question[old.end :]

    def _dangling_pronoun(self, text: str, named: Sequence[Span]) -> re.Match[str] | None:
        """Find a pronoun for which the question itself names nothing."""
        pronoun = PRONOUN.search(text)
        if pronoun is None:
            return None
        before = text[: pronoun.start()]
        if names_of(before, companies_of(before, self._companies)):
            return None
        asked_of_it = ASKED_OF_IT.fullmatch(before) and not named
        if not asked_of_it and any(not is_change(word) for word in content_stems(before)):
            return None
        others = set(content_stems(without(text, *named))) - {stem(pronoun[0].lower())}
        if named and not (others and all(map(is_change, others))):
            return None
        return pronoun

    def _with_antecedent(self, text: str, pronoun: re.Match[str], named: Sequence[Span]) -> str:
        """Put what a pronoun points at in its place: a person, the last topic, or the company."""
        word = pronoun[0].lower()
        compares = COMPARES.search(text)
        if named and not compares:
            self._last = self._with_company(self._last, bare(named[-1].text))
            text = LOOSE_ENDS.sub("", without(text, *named).rstrip("?.! ")) + "?"
            pronoun = PRONOUN.search(text) or pronoun
            named = []
        own = period_of(text)
        if (
            own
            and not named
            and word not in POSSESSIVE
            and _only_asks(without(text, own.span), word)
        ):
            return self._refilled(own, named, "")
        topic_period = compares is not None or own is None
        if word in PERSON:
            found = self._person()
            if not found:
                return self._joined(text)
        elif self._means_topic(text, word) or not self._company():
            found = self._topic(topic_period)
            if not found:
                return self._joined(text)
        else:
            found = self._company()
        ending = _possessive(found) if word in POSSESSIVE else ""
        resolved = text[: pronoun.start()] + found + ending + text[pronoun.end() :]
        return self._dated(resolved) if found == self._company() and not named else resolved

    def _means_topic(self, text: str, word: str) -> bool:
        if word in POSSESSIVE:
            return False
        if word in DEMONSTRATIVE or IT_ALONE.search(text):
            return True
        if ACTS.intersection(words_of(text)):
            return False
        named = companies_of(text, self._companies)
        others = [each for each in content_stems(without(text, *named)) if not years_in(each)]
        return all(map(is_change, others))

    def _is_bare_why(self, text: str, period: Period | None) -> bool:
        if not WHY.match(text) or period or names_of(text):
            return False
        known = set(stems_of(self._last))
        return all(is_change(w) or w in known or names_metric(w) for w in content_stems(text))

    def _completed(self, clause: str, period: Period | None) -> str:
        """Add the last question's company and period to a question that has everything else."""
        if not content_stems(clause):
            return self._joined(clause)
        company = self._company()
        asked = clause.rstrip("?.! ")
        if not company or names_of(clause):
            return "" if period else self._dated(asked + "?")
        if period:
            return f"{without(asked, period.span)} at {company} {period.span.text.strip()}?"
        return self._dated(f"{asked} at {company}?")

    def _dated(self, question: str) -> str:
        """Add the last question's period to a question about a figure that names none."""
        if not self._last_period or period_of(question) or not ASKS_FIGURE.match(question):
            return question
        return f"{question.rstrip('?.! ')} {self._when(None)}?"

    def _joined(self, clause: str) -> str:
        return f"{self._last}, and {clause[0].lower()}{clause[1:].rstrip('?.! ')}?"

    def _topic(self, with_period: bool) -> str:
        """Give what the last question is about as a noun phrase, or "" where it has no such form."""
        period = period_of(self._last)
        text = without(self._last, period.span) if period else self._last
        if is_ := IS.match(text):
            phrase = text[is_.end() :]
        elif what := ASKS_WHAT.match(text):
            rest = text[what.end() :]
            auxiliary = AUXILIARY.search(rest)
            head = metric_head(rest[: auxiliary.start()] if auxiliary else rest)
            if not head:
                return ""
            names = [name.text for name in self._names(text)]
            phrase = self._scope(self._company(), names) + head
        elif CLAUSE.match(text):
            return ""
        else:
            phrase = text
        when = period.span.text.strip() if period and with_period else ""
        return f"{phrase} {when}".strip()

    def _person(self) -> str:
        """Give the person whom the last answer names first."""
        companies = companies_of(self._answer, self._companies)
        names = PERSON_NAME.finditer(without(self._answer, *companies))
        asked = self._last.lower()
        return next((name[0] for name in names if name[0].lower() not in asked), "")

    def _company(self) -> str:
        return bare(self._last_company.text) if self._last_company else ""

    def _names(self, question: str) -> list[Span]:
        return names_of(question, companies_of(question, self._companies))

    def _scope(self, company: str, names: Sequence[str]) -> str:
        owner = [company + _possessive(company)] if company else []
        return "".join(f"{part} " for part in (*owner, *map(bare, names)))

    def _when(self, period: Period | None) -> str:
        last = self._last_period
        if period is None:
            if last is None:
                return ""
            return last.span.text.strip() if last.preposition else f"in {last.core}"
        return last.refined(period) if last else period.span.text.strip()


def _with_period(question: str, period: Period | None) -> str:
    """Put a period in the place of the one that a question names, or add it."""
    if period is None:
        return question
    old = period_of(question)
    if old is None:
        return f"{question} {period.preposition or 'in '}{period.core}"
    filled = old.refined(period)
    if not old.preposition and old.span.start and not filled.startswith(old.core[:3]):
        filled = filled.removeprefix("in ")
    return question[: old.span.start] + filled + question[old.span.end :]


def _possessive(name: str) -> str:
    return "'" if name.endswith("s") else "'s"


def _year(year: str) -> Period:
    return Period(Span(year, 0, len(year)), "", year, year, "")


def _only_asks(text: str, pronoun: str) -> bool:
    """Whether a question asks for nothing but what its pronoun points at: "what was it?"."""
    words = [word for word in words_of(text) if word != pronoun]
    return CLAUSE.match(text) is not None and all(w in FILLER or w in _BEING for w in words)
