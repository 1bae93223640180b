"""Causes that lie in merging: what an adapter trained did not arrive, or arrived otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from ragopt_tui.verification.reasons.seen import MERGE_AGAIN, Seen, cause, named
from ragopt_tui.verification.report import Cause

_ENDS = ("embedding", "head")
_MISTAKES = {
    "rslora ignored": (
        "ignored rsLoRA scale", "rsLoRA's scale, alpha / sqrt(rank), was taken for alpha / rank.",
    ),
    "rslora applied": (
        "ignored rsLoRA scale", "alpha / sqrt(rank) was taken as the scale of an adapter that is not rsLoRA.",
    ),
    "alpha pattern ignored": (
        "ignored alpha pattern", "The alphas that some modules have of their own were ignored.",
    ),
    "rank pattern ignored": (
        "ignored rank pattern", "The ranks that some modules have of their own were ignored in the scale.",
    ),
    "both patterns ignored": (
        "ignored patterns", "The ranks and alphas that some modules have of their own were ignored.",
    ),
    "weight ignored": ("wrong adapter weight", "The adapter was merged with weight 1."),
    "scale left out": ("wrong scale", "The adapter's scale, alpha / rank, was left out."),
    "divided by the rank only": ("wrong scale", "The adapter's change was divided by its rank, alpha forgotten."),
    "not divided by the rank": ("wrong scale", "The adapter's change was not divided by its rank."),
    "applied twice": ("merged twice", "The adapter was merged twice."),
    "added three times": ("merged twice", "The adapter was merged three times."),
    "scale squared": ("wrong scale", "The adapter's scale was applied twice."),
    "subtracted": ("subtracted adapter", "The adapter's change was subtracted."),
    "magnitudes ignored": ("ignored DoRA magnitudes", "DoRA's magnitudes were ignored: it was merged as plain LoRA."),
}  # fmt: skip


def causes(seen: Seen) -> Iterator[Cause]:
    """Give the causes in merging that findings point to."""
    yield from _four_bit(seen)
    yield from _ends(seen)
    yield from _modules(seen)
    yield from _base(seen)
    yield from _mixed(seen)


def _four_bit(seen: Seen) -> Iterator[Cause]:
    if found := seen.fails("weights.four_bit"):
        yield cause(
            "4-bit residue", "The adapter was merged into weights that are still packed in few bits.",
            found.sentence,
            "Merge it with `ragopt-tui merge` into the full-precision base, or with `--onto nf4` "
            "into the base as training rounded it.", 0.98,
        )  # fmt: skip
    rounded = seen.of_kind("rounded")
    if rounded and seen.share(rounded) >= 0.5:
        said = next(iter(rounded.values()))
        yield cause(
            f"rounded to {said['bits']} bits",
            f"Weights were rounded to {said['bits']} bits on the way and written out again.",
            f"{len(rounded)} tensors have no more than {said['levels']} different values in "
            f"{said['block']} neighbouring ones.",
            "Make it again from full-precision weights.", 0.9,
        )  # fmt: skip


def _ends(seen: Seen) -> Iterator[Cause]:
    """Find lost heads and embeddings, and wrong ties between the two."""
    head, tie = seen.evidence("head.accounted"), seen.evidence("embedding.tying")
    changed = seen.evidence("adapter.accounted")
    whole = bool(changed) and changed["unmerged"] == changed["changed"] > 1
    if head and not whole:
        lost, wrong = list(head.get("lost", ())), list(head.get("wrong", ()))
        of_base = [name for name in wrong if head.get(f"{name} is the base's")]
        gone = lost or of_base
        if gone:
            tied = bool(head.get("base tied")) and bool(head.get("tied"))
            what = "embedding" if "embed" in gone[0] or "wte" in gone[0] else "head"
            sentence = f"The trained {'output layer' if what == 'head' else 'embedding'} was lost"
            sentence += (
                ": the output layer is still tied to the embedding." if tied
                else ", the base's is in its place."
            )  # fmt: skip
            yield cause(
                f"lost {what}", sentence,
                f"{named(gone)} {'is missing' if lost else 'has the values of the base'}, though "
                "the adapter trained it (modules_to_save).",
                f"{MERGE_AGAIN} It keeps layers trained whole, and switches tying off for a head of its own.",
                0.97,
            )  # fmt: skip
        elif wrong and not seen.fails("weights.shapes"):
            yield cause(
                "another head", "Embedding or output layer are not those that the adapter trained.",
                f"{named(wrong)} differs from the adapter's own.", MERGE_AGAIN, 0.75,
            )  # fmt: skip
    if tie and not (head.get("lost") if head else False):
        yield cause(
            "wrong tie", "config.json says the wrong thing of whether embedding and output layer are one.",
            seen.bad["embedding.tying"].sentence,
            f"Set tie_word_embeddings to {str(bool(tie.get('should be tied'))).lower()} in config.json, "
            f"or: {MERGE_AGAIN[0].lower()}{MERGE_AGAIN[1:]}", 0.93,
        )  # fmt: skip


def _modules(seen: Seen) -> Iterator[Cause]:
    found = seen.evidence("adapter.accounted")
    if not found:
        return
    changed, unmerged = int(found["changed"]), int(found["unmerged"])
    modules: Mapping[str, Mapping[str, Any]] = found["modules"]
    if changed and unmerged == changed:
        yield cause(
            "no-op merge", "The adapter was not merged at all: these are the base's weights.",
            f"All {changed} modules that the adapter changes are those of the base.", MERGE_AGAIN, 0.98,
        )  # fmt: skip
        return
    inner = [n for n in found["unmerged modules"] if modules[n].get("role") not in _ENDS]
    if inner:
        which = Counter(str(modules[n].get("role")) for n in inner)
        kinds = f" ({', '.join(f'{count} of {kind}' for kind, count in which.items())})"
        yield cause(
            "half merge", "Only some of the adapter's modules were merged.",
            f"{len(inner)} of {changed} modules are still those of the base{kinds}, "
            f"{named(inner, 2)} among them.", MERGE_AGAIN, 0.95,
        )  # fmt: skip
    if found["lost"] and not seen.fails("weights.present", "weights.shapes"):
        yield cause(
            "half merge", "Only some of the adapter's modules were taken over.",
            f"There is no change for {named(found['lost'])}.", MERGE_AGAIN, 0.95,
        )  # fmt: skip
    other = {n: m for n, m in modules.items() if n not in found["unmerged modules"]}
    if other:
        yield from _scaled(other, changed)
        yield from _several(other)


def _scaled(modules: Mapping[str, Mapping[str, Any]], changed: int) -> Iterator[Cause]:
    """Find what scales of changes have in common."""
    inner = {n: m for n, m in modules.items() if m.get("role") not in _ENDS}
    explained = {n: m["mistakes"] for n, m in inner.items() if m.get("mistakes")}
    ratios = [float(m["ratio"]) for m in inner.values()]
    if explained and len(explained) >= 0.6 * len(inner):
        votes = Counter(mistake for said in explained.values() for mistake in said)
        order = list(_MISTAKES)
        best = max(votes, key=lambda name: (votes[name], -order.index(name)))
        name, sentence = _MISTAKES[best]
        yield cause(
            name, sentence,
            f"{len(inner)} of {changed} modules have {_range(ratios)} times the change that the "
            f"adapter's configuration gives: just what that mistake makes.", MERGE_AGAIN, 0.95,
        )  # fmt: skip
    elif ratios and all(
        float(m["left"]) < 0.3 * max(abs(float(m["ratio"])), 0.1) for m in inner.values()
    ):
        yield cause(
            "wrong scale", "The adapter's change was scaled otherwise than its configuration says.",
            f"{len(inner)} of {changed} modules have {_range(ratios)} times its change.", MERGE_AGAIN, 0.85,
        )  # fmt: skip


def _several(modules: Mapping[str, Mapping[str, Any]]) -> Iterator[Cause]:
    """Find adapters of several that are missing or have another weight."""
    ratios: dict[int, list[float]] = {}
    for said in modules.values():
        for each in said.get("of each adapter", ()):
            ratios.setdefault(int(each["adapter"]), []).append(float(each["ratio"]))
    for number, of_it in ratios.items():
        usual = median(of_it)
        if abs(usual) < 0.1:
            yield cause(
                "adapter left out", f"Adapter {number + 1} of the merge was left out.",
                f"The modules have {usual:.2f} times its change.", MERGE_AGAIN, 0.96,
            )  # fmt: skip
        elif abs(usual - 1) > 0.1:
            yield cause(
                "wrong adapter weight", f"Adapter {number + 1} of the merge has another weight than asked for.",
                f"The modules have {usual:.2f} times the change that it should make.", MERGE_AGAIN, 0.94,
            )  # fmt: skip


def _base(seen: Seen) -> Iterator[Cause]:
    """Tell another base from another state of the adapter by what changed outside of its modules."""
    found = seen.found("adapter.accounted")
    if not found or not seen.tensors:
        return
    wrong = set(found.get("modules", {}))
    outside = {
        name: said for name, said in seen.tensors.items()
        if name not in wrong and name not in found.get("merged modules", ())
        and said.get("kind") in ("different", "some rows", "some columns", "some values")
    }  # fmt: skip
    inside = {n: m for n, m in found.get("modules", {}).items() if float(m.get("left", 0)) > 0.3}
    plain = {n: s for n, s in outside.items() if s.get("kind") == "different"}
    if len(plain) >= 2:
        alike = median(float(said.get("likeness", 0)) for said in plain.values())
        what = "another revision of the base" if alike > 0.3 else "another base"
        changed = [float(m["ratio"]) for m in inside.values()]
        right = changed and abs(median(changed) - 1) < 0.25
        yield cause(
            "wrong base", f"The adapter was merged into {what} than it was trained on.",
            f"{len(plain)} tensors that the adapter does not touch differ from the base's, "
            f"{named(plain, 2)} among them"
            + (", while its own changes are there." if right else "."),
            "Merge it into the base that its configuration names, in the revision of the training.", 0.92,
        )  # fmt: skip
    elif inside and not outside and (misplaced := _misplaced(inside)):
        yield misplaced
    elif inside and not outside:
        ranks = [s for n, s in seen.tensors.items() if n in inside and "rank" in s]
        low = ranks and all(s["rank"] <= 0.25 * s["rank of"] for s in ranks)
        if low or all(s.get("kind") == "change scaled" for s in seen.tensors.values()):
            yield cause(
                "another adapter", "Another adapter, or another state of this one, was merged.",
                f"{len(inside)} modules differ from the base by a change of low rank that is not "
                f"this adapter's, {named(inside, 2)} among them; all else is the base's.",
                "Merge the adapter that you mean: a checkpoint of its training is another one.", 0.8,
            )  # fmt: skip
        elif ranks:
            yield cause(
                "wrong base", "The modules of the adapter were merged into other weights.",
                f"{len(inside)} modules hold more than the adapter's change, {named(inside, 2)} among them.",
                MERGE_AGAIN, 0.6,
            )  # fmt: skip


def _misplaced(modules: Mapping[str, Mapping[str, Any]]) -> Cause | None:
    """Find changes that are there, but of another module or turned."""
    moved = {n: str(m["change of"]) for n, m in modules.items() if m.get("change of")}
    turned = [n for n, m in modules.items() if m.get("transposed")]
    if moved and len(moved) >= len(turned):
        name, of = next(iter(moved.items()))
        return cause(
            "misplaced change", "Changes of the adapter were added to other modules than its own.",
            f"{name} has the change of {of}" + (f", and {len(moved) - 1} more." if len(moved) > 1 else "."),
            MERGE_AGAIN, 0.94,
        )  # fmt: skip
    if turned:
        return cause(
            "transposed change", "The adapter's changes were added transposed.",
            f"{named(turned)} differ from the base by the transposed change.",
            f"{MERGE_AGAIN} Its two matrices were exchanged, or fan_in_fan_out was taken wrongly.", 0.94,
        )  # fmt: skip
    return None


def _mixed(seen: Seen) -> Iterator[Cause]:
    """See whether all that is wrong lies in some of several files, and nothing wrong in the others."""
    found = seen.evidence("adapter.accounted")
    files: Mapping[str, list[int]] = seen.evidence("weights.values").get("files", {})
    off = {name: counts for name, counts in files.items() if counts[0]}
    wrong = sum(counts[0] for counts in off.values())
    right = sum(counts[2] for name, counts in files.items() if name not in off)
    if not found or wrong < 2 or not right or any(counts[2] for counts in off.values()):
        return
    yield cause(
        "mixed files", "Files of different merges lie in one folder.",
        f"All that is wrong lies in {named(off)}, whose changes are not this adapter's; those of the "
        f"other {len(files) - len(off)} files are right.", MERGE_AGAIN,
        0.96 if int(found["unmerged"]) == 0 else 0.85,
    )  # fmt: skip


def _range(ratios: list[float]) -> str:
    low, high = min(ratios), max(ratios)
    return (
        f"{low:.3g}" if abs(high - low) < 0.02 * max(abs(high), 0.1) else f"{low:.3g} to {high:.3g}"
    )
