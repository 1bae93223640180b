"""Starting the jobs of conversion; imports nothing of what they do.

What they make is verified, unless `verify` is false, on the passages of the indexed folder `texts`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ragopt_tui.jobs import supervisor
from ragopt_tui.jobs.job import Job
from ragopt_tui.plaintext import one_line

_JOBS = "ragopt_tui.verification.jobs"


def start_merge(
    adapters: Sequence[tuple[str, float]],
    name: str,
    onto: str = "original",
    *,
    verify: bool = True,
    texts: str = "",
) -> Job:
    """Start merging adapters, by id and weight, into their base; `name` is for the title.

    `onto` is `original`, or `nf4` for the base as it is after rounding to 4 bits.
    """
    parameters = {
        "adapters": [[id, weight] for id, weight in adapters],
        "onto": onto,
        "verify": verify,
        "texts": texts,
    }
    return supervisor.start("merge", f"merge {one_line(name, 80)}", f"{_JOBS}:merge", parameters)


def start_fetching() -> Job:
    """Start getting llama.cpp's converter, so that conversion needs no network later."""
    return supervisor.start(
        "fetch", "get llama.cpp's converter", "ragopt_tui.conversion.jobs:fetch", {}
    )


def start_convert(id: str, name: str, output: str, *, verify: bool = True, texts: str = "") -> Job:
    """Start converting a variant to GGUF of type `output`, or an adapter to a GGUF adapter."""
    title = f"convert {one_line(name, 80)} to {output}"
    parameters = {"variant": id, "output": output, "verify": verify, "texts": texts}
    return supervisor.start("convert", title, f"{_JOBS}:convert", parameters)


def start_quantize(
    id: str,
    name: str,
    to: str,
    docs: str = "",
    requantize: bool = False,
    *,
    verify: bool = True,
    texts: str = "",
) -> Job:
    """Start quantising a GGUF variant; `docs` is an indexed folder to measure importance on."""
    parameters = {
        "variant": id,
        "to": to,
        "docs": docs,
        "requantize": requantize,
        "verify": verify,
        "texts": texts,
    }
    title = f"quantise {one_line(name, 80)} to {to}"
    return supervisor.start("quantize", title, f"{_JOBS}:quantize", parameters)


def start_ship(
    id: str,
    name: str,
    to: str,
    *,
    onto: str = "original",
    docs: str = "",
    keep: bool = False,
    verify: bool = True,
    texts: str = "",
) -> Job:
    """Start the whole path of a variant to a GGUF of type `to`; `keep` keeps what is in between."""
    parameters = {
        "variant": id,
        "to": to,
        "onto": onto,
        "docs": docs,
        "keep": keep,
        "verify": verify,
        "texts": texts,
    }
    return supervisor.start("ship", f"{one_line(name, 80)} to {to}", f"{_JOBS}:ship", parameters)
