"""Causes that lie in the values of tensors: exchanged, arranged otherwise, scaled, damaged."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from ragopt_tui.verification.reasons.seen import (
    CONVERT_AGAIN,
    GET_AGAIN,
    Seen,
    cause,
    named,
    roles,
)
from ragopt_tui.verification.report import Cause

_LAYER = re.compile(r"(?:layers|blk|h)\.(\d+)\.")
_WORDS = {
    "norm": "norms", "bias": "biases", "embedding": "embedding", "head": "output layer",
    "q": "queries", "k": "keys", "v": "values", "o": "attention's output",
}  # fmt: skip


def causes(seen: Seen) -> Iterator[Cause]:
    """Give the causes in values that findings point to."""
    yield from _not_finite(seen)
    yield from _shapes(seen)
    yield from _arranged(seen)
    yield from _exchanged(seen)
    yield from _moved(seen)
    yield from _changed(seen)
    yield from _rest(seen)


def _not_finite(seen: Seen) -> Iterator[Cause]:
    found = seen.fails("weights.finite")
    if found is not None and found.evidence.get("too large") and not found.evidence.get("nan"):
        yield cause(
            "fp16 overflow", "Weights are too large for half precision (fp16), and became infinite.",
            f"{found.sentence.rstrip('.')}, just where the parent's are beyond 65,504.",
            "Use BF16: `ragopt-tui convert --to BF16`; merge into a base in bf16.", 0.98,
        )  # fmt: skip
    elif found is not None:
        yield cause(
            "NaN weights", "Weights are no numbers: the file is damaged, or training diverged.",
            found.sentence, GET_AGAIN, 0.96,
        )  # fmt: skip
    elif seen.fails("finite.logits"):
        yield cause(
            "overflow in computing", "Weights are finite, but computing with them overflows.",
            seen.bad["finite.logits"].sentence, "Use BF16 in place of F16.", 0.55,
        )  # fmt: skip
    clipped = seen.of_kind("clipped")
    if clipped:
        largest = max(float(said["largest"]) for said in clipped.values())
        near = largest > 60000
        yield cause(
            "fp16 overflow" if near else "clipped values",
            "Large weights were cut to the largest number of half precision." if near
            else "Large weights were cut off at a limit.",
            f"{named(clipped)} hold nothing beyond {largest:,.5g}, the parent does.",
            "Use BF16: `ragopt-tui convert --to BF16`." if near else CONVERT_AGAIN, 0.9,
        )  # fmt: skip


def _shapes(seen: Seen) -> Iterator[Cause]:
    shapes: Mapping[str, Any] = seen.evidence("weights.shapes").get("tensors", {})
    which = roles(shapes)
    size = seen.fails("vocabulary.size", "tokens.vocabulary")
    if shapes and set(which) <= {"embedding", "head"}:
        name, said = next(iter(shapes.items()))
        got, wanted = said["shapes"]
        yield cause(
            "resized vocabulary", "The vocabulary was resized on the way.",
            f"{name} has {got[0]:,} rows, {wanted[0]:,} were expected.",
            "Merge with the tokenizer of the training; resize only where tokens were added in training.", 0.96,
        )  # fmt: skip
    elif shapes:
        turned = {n: s for n, s in shapes.items() if s["shapes"][0] == s["shapes"][1][::-1]}
        if turned:
            yield cause(
                "transposed", "Weights were transposed.", f"{named(turned)} has rows and columns exchanged.",
                CONVERT_AGAIN, 0.94,
            )  # fmt: skip
        else:
            yield cause(
                "other shapes", "Tensors have other shapes: this is another model.",
                seen.bad["weights.shapes"].sentence, CONVERT_AGAIN, 0.85,
            )  # fmt: skip
    elif size is not None and size.outcome == "failed":
        yield cause(
            "resized vocabulary", "Vocabulary, embedding and tokenizer have different sizes.",
            size.sentence, "Make it again with the tokenizer of the training.", 0.9,
        )  # fmt: skip


def _arranged(seen: Seen) -> Iterator[Cause]:
    arranged = seen.of_kind("arrangement")
    attention = {n: s for n, s in arranged.items() if s.get("role") in ("q", "k", "qkv")}
    if attention:
        how = Counter(str(s["arrangement"]) for s in attention.values()).most_common(1)[0][0]
        said = {
            "as it is": "still have transformers' order of rows, which llama.cpp would turn wrongly",
            "grouped": "are fused in another order",
        }.get(how, "have their rows in an order that belongs to another kind of rotary embedding")
        yield cause(
            "unpermuted q/k" if how == "as it is" else "permuted q/k",
            "Queries and keys are not in the order in which llama.cpp rotates positions.",
            f"{len(attention)} tensors, {named(attention, 2)} among them, {said}; their values are the parent's.",
            f"{CONVERT_AGAIN} The converter must know this architecture.", 0.97,
        )  # fmt: skip
    norms = {n: s for n, s in arranged.items() if s.get("role") == "norm"}
    if norms:
        how = str(next(iter(norms.values()))["arrangement"])
        said = (
            "lack the 1 that this architecture adds"
            if how == "as it is"
            else "have 1 added once too often"
        )
        yield cause(
            "norms without their 1" if how == "as it is" else "norms with 1 too much",
            f"The norms {said}.", f"{len(norms)} norms, {named(norms, 2)} among them, differ by just that.",
            CONVERT_AGAIN, 0.96,
        )  # fmt: skip


def _exchanged(seen: Seen) -> Iterator[Cause]:
    taken = seen.of_kind("another tensor")
    if not taken:
        return
    pairs = [(name, str(said["tensor"])) for name, said in taken.items()]
    name, other = pairs[0]
    evidence = f"{name} has the values of {other}" + (
        f", and {len(pairs) - 1} more are exchanged." if len(pairs) > 1 else "."
    )
    layers = [(a, b) for a, b in pairs if _layer(a) != _layer(b) and _kind(a) == _kind(b)]
    own = {a for a, _ in pairs}
    repeated = all(b.removesuffix(" of the base") not in own for _, b in pairs)
    if len(layers) == len(pairs) and repeated:
        yield cause(
            "repeated layer",
            "A layer stands twice, in place of another one.",
            evidence,
            CONVERT_AGAIN,
            0.95,
        )
    elif len(layers) == len(pairs):
        yield cause(
            "exchanged layers", "Layers are in another order.", evidence, CONVERT_AGAIN, 0.95
        )
    elif any({_role(seen, a), _role(seen, b)} & {"head", "embedding"} for a, b in pairs):
        yield cause(
            "lost head", "Embedding and output layer were taken for one another.", evidence,
            "Make it again here from the adapter: the head is kept.", 0.94,
        )  # fmt: skip
    else:
        yield cause(
            "exchanged tensors", "Tensors of the same shape were taken for one another.",
            evidence, CONVERT_AGAIN, 0.95,
        )  # fmt: skip


def _moved(seen: Seen) -> Iterator[Cause]:
    for what in ("rows", "columns"):
        moved = seen.of_kind(f"{what} moved")
        if not moved:
            continue
        name, said = next(iter(moved.items()))
        which = roles(moved)
        evidence = (
            f"{said['count']} of {said['of']} {what} of {name} are elsewhere: {said['pattern']}."
        )
        if what == "rows" and set(which) <= {"embedding", "head"}:
            yield cause(
                "moved token rows", "The rows of embedding or output layer belong to other tokens.",
                evidence, "Make it again with the tokenizer that the embedding was trained with.", 0.93,
            )  # fmt: skip
        elif what == "rows" and set(which) <= {"q", "k", "qkv"}:
            yield cause(
                "permuted q/k", "Rows of queries and keys are in another order than llama.cpp rotates.",
                evidence, CONVERT_AGAIN, 0.9,
            )  # fmt: skip
        else:
            yield cause(
                "moved rows" if what == "rows" else "moved columns",
                f"{what.capitalize()} of weights were put in another order.", evidence, CONVERT_AGAIN, 0.9,
            )  # fmt: skip
    if values := seen.of_kind("values moved"):
        which = roles(values)
        yield cause(
            "moved values",
            f"Values of {' and '.join(_WORDS.get(each, each) for each in which)} are in another order.",
            f"{named(values)} {'has' if len(values) == 1 else 'have'} the parent's values, at other places.",
            CONVERT_AGAIN, 0.92,
        )  # fmt: skip
    if turned := seen.of_kind("transposed"):
        yield cause(
            "transposed", "Weights were transposed.",
            f"{len(turned)} tensors, {named(turned, 2)} among them, have rows and columns exchanged.",
            CONVERT_AGAIN, 0.95,
        )  # fmt: skip


def _changed(seen: Seen) -> Iterator[Cause]:
    scaled = seen.of_kind("scaled")
    if scaled:
        ratios = [float(said["ratio"]) for said in scaled.values()]
        usual = median(ratios)
        sign = usual < 0
        yield cause(
            "flipped sign" if sign else "scaled weights",
            "Weights have the opposite sign." if sign else "Weights were multiplied by a factor.",
            f"{named(scaled, 2)}: {usual:.4g} times the parent's values ({_what(scaled)}).", CONVERT_AGAIN, 0.92,
        )  # fmt: skip
    added = seen.of_kind("offset")
    if added:
        by = median(float(said["offset"]) for said in added.values())
        yield cause(
            "added number", "A number was added to weights.",
            f"{named(added, 2)} differ by {by:.4g} throughout.", CONVERT_AGAIN, 0.92,
        )  # fmt: skip
    empty = seen.of_kind("zeros", "constant")
    if empty:
        only = {str(s.get("role")) for s in empty.values()}
        what = _WORDS.get(next(iter(only)), "weights") if len(only) == 1 else "weights"
        yield cause(
            f"lost {what}", f"The {what} were lost: all their values are one number.",
            f"{named(empty)} hold {float(next(iter(empty.values()))['value']):g} alone.", CONVERT_AGAIN, 0.94,
        )  # fmt: skip
    partly = seen.of_kind("some rows", "some columns", "some values")
    for name, said in list(partly.items())[:1]:
        where = said["kind"].removeprefix("some ")
        of_tokens = where == "rows" and said.get("role") in ("embedding", "head")
        rows = f"{said['count']} of {said['of']} {where} of {name}"
        in_line = (
            f", those from {said['range'][0]} to {said['range'][1] - 1},"
            if said.get("range")
            else ""
        )
        yield cause(
            "changed token rows" if of_tokens else f"damaged {where}",
            "Tokens have other embeddings than they were trained with." if of_tokens
            else f"Some {where} of the weights were changed.",
            f"{rows}{in_line} {'are zero' if said.get('zeros') else 'differ'}, the others are right.",
            GET_AGAIN, 0.86,
        )  # fmt: skip


def _rest(seen: Seen) -> Iterator[Cause]:
    """Say where differences are that nothing else explains."""
    different = seen.of_kind("different")
    if not different or seen.fails("adapter.accounted"):
        return
    which = roles(different)
    error = median(float(said["error"]) for said in different.values())
    where = _what(different)
    alike = all(float(said.get("likeness", 0)) > 0.9 for said in different.values())
    told = seen.evidence("weights.values")
    if alike and any("excess" in said for said in different.values()) and told.get("as rounded"):
        yield cause(
            "quantised from another model", "It was quantised from another state of the model than its parent.",
            f"{len(different)} tensors ({where}) are not what llama.cpp makes of the parent's, "
            f"{told['as rounded']} others are, bit for bit.",
            "Quantise the parent again; if the adapter was merged after converting, convert again first.", 0.9,
        )  # fmt: skip
    elif alike:
        yield cause(
            "coarser values", "Weights were rounded more than their type explains.",
            f"{len(different)} tensors ({where}) are off by {error:.1%} of their size.",
            "Make it again from full-precision weights.", 0.7,
        )  # fmt: skip
    elif len(which) == 1:
        yield cause(
            f"other {_WORDS.get(where, where)}", f"The {_WORDS.get(where, where + ' weights')} are another model's.",
            f"{named(different)} differ, everything else is equal.", CONVERT_AGAIN, 0.7,
        )  # fmt: skip
    else:
        yield cause(
            "another model", "The weights are those of another model or another state of it.",
            f"{seen.differing} tensors differ ({where}), {named(different, 2)} among them.",
            "Compare it with the model that it was really made from.", 0.65,
        )  # fmt: skip


def _layer(name: str) -> str:
    found = _LAYER.search(name)
    return found[1] if found else ""


def _kind(name: str) -> str:
    return _LAYER.sub("", name).removesuffix(" of the base")


def _role(seen: Seen, name: str) -> str:
    said = seen.tensors.get(name)
    if said:
        return str(said.get("role"))
    return (
        "head" if name.startswith(("output.", "lm_head")) else "embedding" if "emb" in name else ""
    )


def _what(tensors: Mapping[str, Mapping[str, Any]]) -> str:
    return ", ".join(kind for kind, _ in roles(tensors).most_common(4))
