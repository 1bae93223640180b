"""Causes that lie in files: cut off, missing parts, another type than they are called."""

from __future__ import annotations

from collections.abc import Iterator

from ragopt_tui.verification.reasons.seen import (
    CONVERT_AGAIN,
    GET_AGAIN,
    QUANTISE_AGAIN,
    Seen,
    cause,
    named,
)
from ragopt_tui.verification.report import Cause


def causes(seen: Seen) -> Iterator[Cause]:
    """Give the causes in files that findings point to."""
    yield from _incomplete(seen)
    yield from _type(seen)
    yield from _missing(seen)
    yield from _loads(seen)


def _incomplete(seen: Seen) -> Iterator[Cause]:
    found = seen.fails("files.complete")
    if found is None:
        return
    if found.evidence.get("cut off"):
        yield cause(
            "truncated file", "A weight file is cut off.", found.sentence, GET_AGAIN, 0.99
        )  # fmt: skip
    else:
        yield cause(
            "damaged file", "A file is damaged or missing.", found.sentence, GET_AGAIN, 0.97
        )


def _type(seen: Seen) -> Iterator[Cause]:
    found = seen.fails("quantisation.type")
    if found is not None:
        yield cause(
            "wrong quantisation type",
            "The file is of another quantisation than it is called.",
            found.sentence, QUANTISE_AGAIN, 0.94,
        )  # fmt: skip


def _missing(seen: Seen) -> Iterator[Cause]:
    found = seen.fails("weights.present")
    if found is None:
        return
    roles = set(found.evidence.get("missing roles", ()))
    missing = found.evidence.get("missing", [])
    if missing and roles <= {"head"}:
        yield cause(
            "lost head", "The output layer was lost: the embedding stands in for it.",
            f"{named(missing)} is missing, though it is another than the embedding.",
            "Make it again here from the adapter: the head is kept, and tying is switched off.", 0.95,
        )  # fmt: skip
    elif missing and roles <= {"norm"}:
        yield cause(
            "lost norms",
            "Norms were left out.",
            f"{named(missing)} is missing.",
            CONVERT_AGAIN,
            0.94,
        )
    elif missing and roles <= {"bias"}:
        yield cause(
            "lost biases",
            "Biases were left out.",
            f"{named(missing)} is missing.",
            CONVERT_AGAIN,
            0.94,
        )
    elif missing:
        yield cause(
            "missing tensors",
            "Tensors of the model are missing.",
            found.sentence,
            CONVERT_AGAIN,
            0.92,
        )
    elif found.evidence.get("extra"):
        extra = set(found.evidence.get("extra roles", ()))
        what = "An output layer" if extra == {"head"} else "Tensors"
        yield cause(
            "stray tensors", f"{what} of another model lie among the weights.",
            found.sentence, CONVERT_AGAIN, 0.8,
        )  # fmt: skip


def _loads(seen: Seen) -> Iterator[Cause]:
    found = seen.fails("child.loads")
    if found is None:
        return
    yield cause(
        "cannot be run", "The runtime cannot run the files.", found.sentence, GET_AGAIN, 0.5
    )  # fmt: skip
