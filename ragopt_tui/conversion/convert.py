"""Hugging Face folders and adapters to GGUF, by llama.cpp's converter in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from gguf import GGUFReader, TokenType

from ragopt_tui.conversion.converter import Converter
from ragopt_tui.conversion.following import run_followed
from ragopt_tui.conversion.quantisations import OutputType
from ragopt_tui.conversion.staging import stage_adapter, stage_model
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.inspection import read_json
from ragopt_tui.plaintext import one_line

_WRITTEN = re.compile(r"Writing:\s+(\d+)%")
_REASON = re.compile(
    r"^(?:ERROR:[\w.:-]*\s*(?P<logged>.+)|(?P<raised>\w+(?:Error|Exception): .+|NotImplementedError.*))$"
)
_CAUSES = {
    "BPE pre-tokenizer was not recognized": "llama.cpp knows no such tokenizer; a byte-level BPE "
    "tokenizer must be that of a model it knows, unchanged",
}
_TAIL = 200


def check_convertible(converter: Converter, model: Path) -> None:
    """Raise RagoptError if the converter does not know a model's architecture."""
    names = read_json(model / "config.json").get("architectures") or []
    known = converter.architectures()
    if known and not any(name in known for name in names):
        shown = one_line(", ".join(map(str, names)) or "an unnamed architecture", 80)
        raise RagoptError(
            f"llama.cpp's converter does not know {shown}, the architecture of {model}.",
            "This model can be used as it is, but not as GGUF.",
        )


def convert_model(
    converter: Converter, model: Path, target: Path, output: OutputType, report: Reporter
) -> None:
    """Write the GGUF file `target`, which must not exist, from a Hugging Face folder.

    Raises RagoptError with the converter's reason, or if the tokenizer was lost; JobCancelled.
    """
    check_convertible(converter, model)
    with tempfile.TemporaryDirectory(prefix=".staged-", dir=target.parent) as scratch:
        source = stage_model(model, Path(scratch))
        options = [str(source), "--outfile", str(target), "--outtype", output.lower()]
        _run(converter.model_script, options, Path(scratch), report, model, target)
    if not _scores_differ(target):
        target.unlink()
        raise RagoptError(
            f"{model} has no tokenizer.model: without the scores in it, its GGUF file would split "
            "text in other tokens than the model was trained with.",
            "Put the tokenizer.model of the original model into that folder.",
        )


def _scores_differ(file: Path) -> bool:
    """Whether the tokens of a GGUF file with a SentencePiece tokenizer have scores of their own."""
    fields = GGUFReader(file).fields
    model, scores = fields.get("tokenizer.ggml.model"), fields.get("tokenizer.ggml.scores")
    kinds = fields.get("tokenizer.ggml.token_type")
    if model is None or model.contents() != "llama" or scores is None or kinds is None:
        return True
    normal = {
        float(scores.parts[score][0])
        for score, kind in zip(scores.data, kinds.data, strict=True)
        if kinds.parts[kind][0] == TokenType.NORMAL
    }
    return len(normal) > 1


def convert_adapter(
    converter: Converter, adapter: Path, base: Path, target: Path, report: Reporter
) -> None:
    """Write an adapter as GGUF LoRA `target` for the GGUF form of its base, a Hugging Face folder.

    Raises RagoptError where GGUF adapters cannot hold it; JobCancelled.
    """
    check_adapter_convertible(adapter)
    with (
        tempfile.TemporaryDirectory(prefix=".staged-", dir=target.parent) as scratch,
        tempfile.TemporaryDirectory(prefix=".staged-", dir=target.parent) as base_scratch,
    ):
        source = stage_adapter(adapter, Path(scratch))
        staged_base = stage_model(base, Path(base_scratch))
        options = ["--base", str(staged_base), "--outfile", str(target), "--outtype", "f32"]
        _run(converter.lora_script, [*options, str(source)], Path(scratch), report, adapter, target)


def check_adapter_convertible(adapter: Path) -> None:
    """Raise RagoptError if a GGUF adapter would lose a part of a PEFT adapter."""
    config = read_json(adapter / "adapter_config.json")
    reasons = {
        "use_dora": "DoRA's magnitudes",
        "modules_to_save": "layers trained whole, such as a head",
        "trainable_token_indices": "trained tokens",
        "alpha_pattern": "a scale of its own for some layers",
        "lora_bias": "trained biases",
    }
    if config.get("use_rslora"):
        reasons["rank_pattern"] = "rsLoRA with ranks of its own for some layers"
    for key, what in reasons.items():
        if config.get(key):
            raise RagoptError(
                f"The adapter {adapter} has {what}, which a GGUF adapter cannot hold.",
                "Merge it and convert the merged model.",
            )


def _run(
    script: Path, options: Sequence[str], cwd: Path, report: Reporter, source: Path, target: Path
) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
    environment |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "PYTHONUTF8": "1"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [sys.executable, str(script), *options]
    report.progress("starting llama.cpp's converter", 0, None, "")
    status, tail = run_followed(command, _follow, report, cwd=cwd, environment=environment)
    if report.cancelled or status:
        target.unlink(missing_ok=True)
    report.raise_if_cancelled()
    if status:
        raise RagoptError(f"{source} could not be converted: {_reason(status, tail)}.")


def _follow(stream: IO[str], tail: list[str], report: Reporter) -> None:
    """Pass the converter's words on to the log and its progress bar to the job's events."""
    said = -1
    with stream:
        for line in stream:
            line = line.rstrip()
            percents = _WRITTEN.findall(line)
            if percents and int(percents[-1]) != said:
                said = int(percents[-1])
                report.progress("converting", said, 100, "%")
            elif not percents and line:
                tail.append(line)
                del tail[:-_TAIL]
                print(line, file=sys.stderr, flush=True)


def _reason(status: int, tail: Sequence[str]) -> str:
    if status < 0:
        return f"the converter was ended by {signal.Signals(-status).name}, perhaps out of memory"
    for line in reversed(tail):
        if found := _REASON.match(line):
            for words, cause in _CAUSES.items():
                if words in line:
                    return cause
            return one_line(found["logged"] or found["raised"], 300).rstrip(".")
    return one_line(tail[-1], 300).rstrip(".") if tail else f"it ended with status {status}"
