"""Whether answers begin and end with the right tokens, and do end."""

from __future__ import annotations

from collections.abc import Sequence

from ragopt_tui.verification.report import Finding, Outcome
from ragopt_tui.verification.sides import Continuation, Side

_MARK = "QzjMark"
_DIALOGUE = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": _MARK}]


def check_endings(parent: Side, child: Side) -> list[Finding]:
    """Compare the ids of special tokens, and see that the end of a turn ends an answer.

    Raises SideFailed.
    """
    findings = [_special("bos", "beginning-of-sequence", parent.facts.bos, child.facts.bos)]
    findings.append(_special("eos", "end-of-sequence", parent.facts.eos, child.facts.eos))
    return [*findings, _ends(parent, child), _turn(parent, child)]


def check_stopping(
    parent: Sequence[Continuation], child: Sequence[Continuation], max_tokens: int
) -> Finding:
    """Compare how many answers ended of themselves within `max_tokens`."""
    mine, other = (sum(each.stopped for each in side) for side in (parent, child))
    evidence = {"parent": mine, "child": other, "answers": len(child), "max_tokens": max_tokens}
    if not mine:
        sentence = f"No answer of what it was made from ended within {max_tokens} tokens either."
        return Finding("ending.stops", "not compared", sentence, float(other), None, evidence)
    if not other:
        sentence = f"No answer ends within {max_tokens} tokens, where {mine} of {len(child)} did."
        return Finding("ending.stops", "failed", sentence, 0.0, float(mine), evidence)
    sentence = f"{other} of {len(child)} answers end within {max_tokens} tokens, {mine} did before."
    return Finding("ending.stops", "passed", sentence, float(other), float(mine), evidence)


def end_of_turn(side: Side) -> int:
    """Give the token that a side's template writes behind an answer, -1 if it writes none."""
    if not side.facts.template:
        return -1
    (rendered,) = side.render([_DIALOGUE], answer=False)
    _, found, behind = rendered.text.rpartition(_MARK)
    if rendered.error or not found or not behind.strip():
        return -1
    special = set(side.facts.special)
    (ids,) = side.encode([behind.strip()])
    ends = (token for token in ids if token in side.facts.ends or side.text([token]) in special)
    return next(ends, -1)


def _special(check: str, name: str, ours: int, theirs: int) -> Finding:
    evidence = {"parent": ours, "child": theirs}
    if ours == theirs:
        sentence = (
            f"The {name} token is {ours} on both sides."
            if ours >= 0
            else f"There is no {name} token."
        )
        return Finding(f"ending.{check}", "passed", sentence, float(theirs), float(ours), evidence)
    if ours < 0:
        # GGUF names one even for models that never see it.
        sentence = f"It names {theirs} as {name} token, what it was made from names none."
        return Finding(f"ending.{check}", "passed", sentence, float(theirs), None, evidence)
    sentence = f"The {name} token is {theirs if theirs >= 0 else 'missing'}, it was {ours}."
    return Finding(f"ending.{check}", "failed", sentence, float(theirs), float(ours), evidence)


def _ends(parent: Side, child: Side) -> Finding:
    lost = sorted(parent.facts.ends - child.facts.ends)
    evidence = {
        "lost": lost,
        "parent": sorted(parent.facts.ends),
        "child": sorted(child.facts.ends),
    }
    if lost:
        sentence = f"These tokens no longer end an answer: {', '.join(map(str, lost))}."
        return Finding("ending.ids", "failed", sentence, float(len(lost)), 0.0, evidence)
    count = len(parent.facts.ends)
    sentence = f"Every token that ended an answer ({count}) ends it."
    return Finding("ending.ids", "passed", sentence, 0.0, 0.0, evidence)


def _turn(parent: Side, child: Side) -> Finding:
    ours, theirs = end_of_turn(parent), end_of_turn(child)
    before, after = ours in parent.facts.ends, theirs in child.facts.ends
    evidence = {"parent": ours, "child": theirs, "parent_ends": before, "child_ends": after}
    if theirs < 0 and ours < 0:
        sentence = "The chat template writes no token behind an answer."
        return Finding("ending.turn", "not compared", sentence, evidence=evidence)
    if theirs < 0:
        sentence = "The chat template no longer writes a token behind an answer."
        return Finding("ending.turn", "failed", sentence, evidence=evidence)
    shown = child.text([theirs])
    if after:
        sentence = f"The token behind an answer, {shown!r}, ends it."
        return Finding("ending.turn", "passed", sentence, float(theirs), evidence=evidence)
    outcome: Outcome = "failed" if before else "degraded"
    then = "so answers run on" if before else "and did not before: answers may run on"
    sentence = f"The token behind an answer, {shown!r}, does not end it, {then}."
    return Finding("ending.turn", outcome, sentence, float(theirs), evidence=evidence)
