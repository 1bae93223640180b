"""Causes that lie between text and tokens: tokenizer, special tokens, chat template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ragopt_tui.verification.reasons.seen import CONVERT_AGAIN, MERGE_AGAIN, Seen, cause
from ragopt_tui.verification.report import Cause

_TOKENIZER_AGAIN = (
    "Make it again with the tokenizer files of the training (those beside the adapter)."
)


def causes(seen: Seen) -> Iterator[Cause]:
    """Give the causes in text that findings point to."""
    yield from _folder(seen)
    yield from _tokens(seen)
    yield from _beginning(seen)
    yield from _ending(seen)
    yield from _template(seen)


def _folder(seen: Seen) -> Iterator[Cause]:
    found = seen.fails("tokenizer.files")
    if found is None:
        return
    parts: Mapping[str, Any] = found.evidence.get("parts", {})
    vocabulary = parts.get("vocabulary", {})
    if found.evidence.get("is the base's"):
        yield cause(
            "stale tokenizer", "The tokenizer is the base's, not the one that was trained with.",
            f"{found.sentence.rstrip('.')}; all of it is the base's.",
            _TOKENIZER_AGAIN, 0.96,
        )  # fmt: skip
    elif vocabulary.get("moved") and not vocabulary.get("missing"):
        yield cause(
            "swapped token ids", "Tokens have the ids of others.",
            f"{vocabulary['moved']} tokens have other ids: {_examples(vocabulary['examples'])}.",
            _TOKENIZER_AGAIN, 0.95,
        )  # fmt: skip
    elif vocabulary:
        yield cause(
            "another vocabulary", "The tokenizer has other tokens than in training.",
            f"{vocabulary.get('missing', 0)} tokens are missing, {vocabulary.get('extra', 0)} added: "
            f"{_examples(vocabulary['examples'])}.", _TOKENIZER_AGAIN, 0.93,
        )  # fmt: skip
    else:
        yield from _folder_part(parts, found.sentence)


def _folder_part(parts: Mapping[str, Any], sentence: str) -> Iterator[Cause]:
    special = [
        part for part in ("eos_token", "bos_token", "pad_token", "unk_token") if part in parts
    ]
    flags = [part for part in ("add_bos_token", "add_eos_token") if part in parts]
    if "merges" in parts:
        name, said = "other merges", "The tokenizer joins letters by other rules (merges)."
    elif "pre_tokenizer" in parts or "normalizer" in parts:
        name, said = "wrong pre-tokenizer", "The tokenizer splits or normalises text otherwise."
    elif special:
        name = {"eos_token": "wrong EOS", "bos_token": "wrong BOS"}.get(
            special[0], "wrong special tokens"
        )
        said = f"The tokenizer names another {special[0].replace('_', ' ')}."
    elif "post_processor" in parts or flags:
        name, said = "wrong BOS", "The tokenizer puts other special tokens around text."
    else:
        name, said = "another tokenizer", "The tokenizer is another than in training."
    yield cause(name, said, sentence, _TOKENIZER_AGAIN, 0.9)


def _tokens(seen: Seen) -> Iterator[Cause]:
    if scores := seen.fails("vocabulary.scores"):
        lost = scores.evidence.get("constant") or scores.evidence.get("missing")
        # Scores that moved with their tokens are a consequence.
        score = 0.96 if lost or not seen.fails("vocabulary.tokens") else 0.8
        yield cause(
            "missing scores" if lost else "wrong scores",
            "The tokenizer lost the scores by which it chooses tokens." if lost
            else "Tokens have other scores, so that others are chosen.",
            scores.sentence, f"Put tokenizer.model beside the model. {CONVERT_AGAIN}", score,
        )  # fmt: skip
    if tokens := seen.fails("vocabulary.tokens"):
        evidence = tokens.evidence
        few = evidence.get("exchanged") or evidence.get("shift")
        moved = bool(evidence.get("shift"))
        counts = evidence.get("counts", [0, 0])
        sentence = (
            "Tokens have the texts of others."
            if few
            else "The file has other tokens than the tokenizer."
        )
        said = tokens.sentence + (f" All lie {evidence['shift']} further on." if moved else "")
        resized = not evidence.get("differing") and counts[0] != counts[1]
        name = (
            "resized vocabulary"
            if resized
            else "swapped token ids"
            if few
            else "another vocabulary"
        )
        yield cause(name, sentence, said, _TOKENIZER_AGAIN, 0.95)
    if merges := seen.fails("vocabulary.merges"):
        yield cause(
            "other merges", "The rules that join letters to tokens (merges) are others or missing.",
            merges.sentence, CONVERT_AGAIN, 0.94,
        )  # fmt: skip
    if splitter := seen.fails("vocabulary.splitter"):
        yield cause(
            "wrong pre-tokenizer", "Text is split otherwise before it becomes tokens (tokenizer.ggml.pre).",
            splitter.sentence, CONVERT_AGAIN, 0.93,
        )  # fmt: skip
    if model := seen.fails("vocabulary.model"):
        yield cause(
            "wrong kind of tokenizer", "The tokenizer works in another way than the one trained with.",
            model.sentence, CONVERT_AGAIN, 0.97,
        )  # fmt: skip
    if types := seen.fails("vocabulary.types"):
        yield cause(
            "wrong token types", "Special tokens are taken for text, or text for special tokens.",
            types.sentence, CONVERT_AGAIN, 0.92,
        )  # fmt: skip
    if space := seen.fails("vocabulary.space"):
        yield cause(
            "wrong leading blank",
            "A blank is put before text, or no longer is.",
            space.sentence,
            CONVERT_AGAIN,
            0.9,
        )
    found = seen.fails("tokens.ids")
    if found is not None:
        kinds = found.evidence.get("kinds", {})
        most = max(kinds, key=lambda kind: kinds[kind]) if kinds else ""
        if set(kinds) == {"special"} or (kinds and kinds.get("special", 0) == sum(kinds.values())):
            yield cause(
                "wrong token types",
                "Special tokens in text are read otherwise.",
                found.sentence,
                CONVERT_AGAIN,
                0.6,
            )
        else:
            where = f" Most are of the kind {most!r}." if most else ""
            yield cause(
                "wrong pre-tokenizer", "Text becomes other tokens, though the tokens are the same: it is split otherwise.",
                f"{found.sentence}{where}", CONVERT_AGAIN, 0.55,
            )  # fmt: skip


def _beginning(seen: Seen) -> Iterator[Cause]:
    bos = seen.fails("template.bos")
    flag = seen.fails("vocabulary.bos")
    evidence = bos.evidence if bos else {}
    most = max(evidence.get("child") or [0])
    if bos and bos.outcome == "failed" and (bos.measured or 0) > 1:
        yield cause(
            "double BOS", "The beginning-of-sequence token is put twice: by the template and by the tokenizer.",
            bos.sentence, "Convert again, so that only one of them adds it; in other programs, switch one off.", 0.94,
        )  # fmt: skip
    elif bos and bos.outcome == "failed":
        yield cause(
            "missing BOS", "Prompts no longer begin with the beginning-of-sequence token.", bos.sentence,
            CONVERT_AGAIN, 0.9,
        )  # fmt: skip
    if flag:
        adds = bool(flag.evidence.get("got"))
        twice = adds and most != 1
        yield cause(
            "double BOS" if adds else "missing BOS",
            "A beginning-of-sequence token is put before text that had none"
            + (", so that prompts begin with two." if twice else ".") if adds
            else "The beginning-of-sequence token is no longer put before text.",
            flag.sentence, CONVERT_AGAIN, 0.95 if flag.outcome == "failed" else 0.5,
        )  # fmt: skip
    if found := seen.fails("vocabulary.eos"):
        yield cause(
            "EOS behind prompts", "An end-of-sequence token is put behind text, or no longer is.",
            found.sentence, CONVERT_AGAIN, 0.93,
        )  # fmt: skip


def _ending(seen: Seen) -> Iterator[Cause]:
    found = seen.fails("vocabulary.special")
    tokens: Mapping[str, list[Any]] = found.evidence.get("tokens", {}) if found else {}
    eos = seen.fails("ending.eos")
    if {"eos", "eot", "eom"} & set(tokens) or eos:
        said = found if found is not None and tokens else eos
        assert said is not None
        yield cause(
            "wrong EOS", "Another token ends answers, so that they run on or break off.",
            said.sentence, f"{CONVERT_AGAIN} It takes the ids from the tokenizer and config.json.", 0.95,
        )  # fmt: skip
    bos = seen.fails("ending.bos")
    if "bos" in tokens or bos:
        said = found if found is not None and "bos" in tokens else bos
        assert said is not None
        yield cause(
            "wrong BOS",
            "Another token stands at the beginning.",
            said.sentence,
            CONVERT_AGAIN,
            0.93,
        )
    rest = set(tokens) - {"bos", "eos", "eot", "eom"}
    if rest and found is not None:
        yield cause(
            "wrong special tokens",
            "Special tokens have other ids.",
            found.sentence,
            CONVERT_AGAIN,
            0.6,
        )
    turn = seen.fails("ending.turn", "ending.ids", "ending.stops")
    if turn is not None and not eos and not tokens:
        yield cause(
            "answers do not end", "The token behind an answer does not end it.", turn.sentence,
            "Set the end-of-turn token in the tokenizer or generation_config.json and convert again.", 0.6,
        )  # fmt: skip


def _template(seen: Seen) -> Iterator[Cause]:
    text, present = seen.fails("template.text"), seen.fails("template.present")
    if (text and text.evidence.get("missing")) or (present and present.outcome == "failed"):
        said = present or text
        assert said is not None
        yield cause(
            "missing template", "The chat template is missing, so that programs take one of their own.",
            said.sentence, f"Put chat_template.jinja beside the model. {CONVERT_AGAIN}", 0.96,
        )  # fmt: skip
        return
    renders = seen.fails("template.renders")
    if text and not text.evidence.get("added"):
        remedy = MERGE_AGAIN if seen.found("tokenizer.files") else CONVERT_AGAIN
        evidence = f"{text.sentence} {renders.sentence}" if renders else text.sentence
        yield cause(
            "wrong template", "The chat template is another than in training.", evidence, remedy,
            0.94 if renders or text.outcome == "failed" else 0.6,
        )  # fmt: skip
    elif renders:
        yield cause(
            "wrong template",
            "Dialogues become other prompts.",
            renders.sentence,
            CONVERT_AGAIN,
            0.85,
        )
    elif (ids := seen.fails("template.ids")) and seen.text_equal is False:
        only_bos = bool(ids.evidence.get("only_bos"))
        yield cause(
            "wrong BOS" if only_bos else "prompts become other tokens",
            "Prompts begin otherwise." if only_bos else "Rendered dialogues become other tokens.",
            ids.sentence, CONVERT_AGAIN, 0.5,
        )  # fmt: skip


def _examples(examples: list[list[Any]]) -> str:
    return ", ".join(
        f"{token!r} {'is not there' if got is None else f'is {got}'}"
        + (f" instead of {wanted}" if wanted is not None and got is not None else "")
        for token, got, wanted in examples[:3]
    )
