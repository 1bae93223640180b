"""Whether dialogues become the same prompt on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ragopt_tui.plaintext import one_line
from ragopt_tui.verification.report import Finding
from ragopt_tui.verification.sides import Dialogue, Rendered, Side

_SHOWN = 200


def check_templates(parent: Side, child: Side, dialogues: Sequence[Dialogue]) -> list[Finding]:
    """Compare the chat templates, what they render, its tokens, and how these begin.

    Raises SideFailed.
    """
    ours, theirs = parent.facts.template, child.facts.template
    if not ours and not theirs:
        sentence = "Neither side has a chat template, so there are no prompts to compare."
        return [Finding("template.present", "not compared", sentence)]
    if not theirs:
        return [
            Finding(
                "template.present",
                "failed",
                "The chat template is missing: programs that run it fall back to one of their own.",
                evidence={"parent": ours[:_SHOWN]},
            )
        ]
    findings = [_present(parent, child)]
    pairs = [
        (answer, dialogue, mine, other)
        for answer in (True, False)
        for dialogue, mine, other in zip(
            dialogues,
            parent.render(dialogues, answer=answer),
            child.render(dialogues, answer=answer),
            strict=True,
        )
    ]
    if ours:
        findings += [_texts(pairs), _ids(parent, pairs)]
    return [*findings, _beginnings(parent, child, pairs)]


def _present(parent: Side, child: Side) -> Finding:
    ours, theirs = parent.facts, child.facts
    evidence = {"same": ours.template == theirs.template, "given": not theirs.own_template}
    if not ours.template:
        sentence = "It has a chat template, which what it was made from lacks."
    elif theirs.own_template:
        sentence = "It brings its chat template."
    else:
        sentence = "The chat template is the one given in the library; its files may bring another."
    return Finding("template.present", "passed", sentence, evidence=evidence)


_Pairs = Sequence[tuple[bool, Dialogue, Rendered, Rendered]]


def _texts(pairs: _Pairs) -> Finding:
    for answer, dialogue, mine, other in pairs:
        if bool(mine.error) == bool(other.error) and mine.text == other.text:
            continue
        evidence: dict[str, Any] = {
            "dialogue": dialogue,
            "answer": answer,
            "parent": mine.error or mine.text,
            "child": other.error or other.text,
        }
        if other.error or mine.error:
            which, error = (
                ("", other.error) if other.error else ("what it was made from, not", mine.error)
            )
            sentence = (
                f"A dialogue cannot be rendered{f' by {which} here' if which else ''}: {error}."
            )
        else:
            at = _first_difference(mine.text, other.text)
            evidence["at"] = at
            sentence = (
                f"A dialogue is rendered otherwise: {_around(other.text, at)} in place of "
                f"{_around(mine.text, at)}."
            )
        return Finding("template.renders", "failed", one_line(sentence, 400), evidence=evidence)
    refused = sum(1 for _, _, mine, _ in pairs if mine.error)
    sentence = f"{len(pairs) - refused} dialogues are rendered alike"
    sentence += f", {refused} refused alike." if refused else "."
    return Finding("template.renders", "passed", sentence, 0.0, 0.0, {"dialogues": len(pairs)})


def _ids(parent: Side, pairs: _Pairs) -> Finding:
    differing = [(m, o) for _, _, m, o in pairs if not m.error and m.ids != o.ids]
    if not differing:
        return Finding("template.ids", "passed", "Prompts have the same tokens.", 0.0, 0.0)
    mine, other = differing[0]
    at = _first_difference(mine.ids, other.ids)
    bos = parent.facts.bos
    evidence = {
        "differing": len(differing),
        "of": len(pairs),
        "at": at,
        "parent": list(mine.ids[max(0, at - 4) : at + 20]),
        "child": list(other.ids[max(0, at - 4) : at + 20]),
        "only_bos": all(_without(m.ids, bos) == _without(o.ids, bos) for m, o in differing),
    }
    sentence = (
        f"{len(differing)} of {len(pairs)} prompts have other tokens, from the one at {at} on."
    )
    count = float(len(differing))
    return Finding("template.ids", "failed", sentence, count, 0.0, evidence)


def _beginnings(parent: Side, child: Side, pairs: _Pairs) -> Finding:
    """Compare how many beginning-of-sequence tokens prompts begin with, as each side writes them."""
    ours, theirs = parent.facts, child.facts
    mine = [_leading(each.raw, ours.bos) for _, _, each, _ in pairs if not each.error]
    other = [_leading(each.raw, theirs.bos) for _, _, _, each in pairs if not each.error]
    given = [_leading(each.ids, theirs.bos) for _, _, _, each in pairs if not each.error]
    evidence = {
        "parent": _range(mine),
        "child": _range(other),
        "given_to_child": _range(given),
        "parent_adds": ours.adds_bos,
        "child_adds": theirs.adds_bos,
    }
    most, wanted = max(other, default=0), max(mine, default=0)
    measured = float(most)
    if most > 1 and most > wanted:
        return Finding(
            "template.bos",
            "failed",
            f"Prompts begin with {most} beginning-of-sequence tokens in place of {wanted or 1}.",
            measured,
            1.0,
            evidence,
        )
    if ours.template and wanted and not min(given, default=1):
        sentence = "Prompts lack the beginning-of-sequence token that they began with."
        return Finding("template.bos", "failed", sentence, 0.0, 1.0, evidence)
    if None not in (ours.adds_bos, theirs.adds_bos) and ours.adds_bos != theirs.adds_bos:
        does = "gets" if theirs.adds_bos else "no longer gets"
        sentence = f"Plain text {does} a beginning-of-sequence token, unlike before."
        return Finding("template.bos", "degraded", sentence, measured, 1.0, evidence)
    many = "no" if not most else "one" if most == 1 else str(most)
    sentence = f"Prompts begin with {many} beginning-of-sequence token{'' if most == 1 else 's'}."
    return Finding("template.bos", "passed", sentence, measured, 1.0, evidence)


def _leading(ids: Sequence[int], token: int) -> int:
    count = 0
    while count < len(ids) and token >= 0 and ids[count] == token:
        count += 1
    return count


def _range(counts: Sequence[int]) -> list[int]:
    return [min(counts), max(counts)] if counts else []


def _without(ids: Sequence[int], token: int) -> list[int]:
    return [each for each in ids if each != token]


def _first_difference(one: Sequence[Any], other: Sequence[Any]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _around(text: str, at: int) -> str:
    return repr(text[max(0, at - 16) : at + 24])
