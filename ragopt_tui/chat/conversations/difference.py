"""What differs when a question is asked again: one sentence."""

from __future__ import annotations

from collections.abc import Iterator

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.exchange import Exchange
from ragopt_tui.models.variant import variant_name


def difference(before: Exchange, after: Exchange) -> str:
    """Say what differs between two answers to one question: index, evidence, variant, text.

    Empty where one of them has no answer to compare.
    """
    if before.answer is None or after.answer is None:
        return ""
    date = f"{before.asked.day} {before.asked:%B %Y, %H:%M}"
    differing = [
        *_made_by(before, after),
        *_scope(before, after),
        *_index(before.answer, after.answer),
        *_evidence(before.answer, after.answer),
        *_settings(before, after),
    ]
    text = _text(before.answer, after.answer)
    if text or differing:
        differing.append(text or "the text is the same")
    else:
        return f"The same answer from the same evidence as on {date}."
    return f"Since {date}: {'; '.join(differing)}."


def _made_by(before: Exchange, after: Exchange) -> Iterator[str]:
    if before.variant != after.variant:
        yield f"{variant_name(after.variant)} answers instead of {variant_name(before.variant)}"
    elif before.variant_hash and after.variant_hash and before.variant_hash != after.variant_hash:
        yield f"the files of {variant_name(after.variant)} have changed"


def _scope(before: Exchange, after: Exchange) -> Iterator[str]:
    was = {each.value for each in before.removed}
    now = {each.value for each in after.removed}
    for value in sorted(now - was):
        yield f"asked without {value}"
    for value in sorted(was - now):
        yield f"asked with {value} again"


def _index(before: Answer, after: Answer) -> Iterator[str]:
    if before.index_version != after.index_version:
        yield f"the index went from {before.index_version} to {after.index_version}"


def _evidence(before: Answer, after: Answer) -> Iterator[str]:
    was = [(hit.passage.file, hit.passage.text) for hit in before.evidence]
    now = [(hit.passage.file, hit.passage.text) for hit in after.evidence]
    others = sum(each not in was for each in now)
    if others == len(now) and now:
        yield "all passages are others"
    elif others:
        yield f"{others} of {len(now)} passages {'is another' if others == 1 else 'are others'}"
    elif len(was) != len(now):
        yield f"{len(now)} passages instead of {len(was)}"
    elif was != now:
        yield "the same passages in another order"


def _settings(before: Exchange, after: Exchange) -> Iterator[str]:
    for name, value in after.settings.items():
        was = before.settings.get(name, value)
        if was != value:
            yield f"{name} is {value} instead of {was}"


def _text(before: Answer, after: Answer) -> str:
    if before.refused and not after.refused:
        return "there is an answer now"
    if after.refused and not before.refused:
        return "there is no answer any more"
    if before.text != after.text:
        return "the text differs"
    if before.citations != after.citations:
        return "the same text has other citations"
    return ""
