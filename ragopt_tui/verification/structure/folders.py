"""What a Hugging Face folder says beside its weights: configuration, number formats, both ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ragopt_tui.models.inspection import read_json
from ragopt_tui.verification.report import Finding
from ragopt_tui.verification.structure.comparing import distance, rounding
from ragopt_tui.verification.structure.sources import AdaptedTensors, FolderTensors

_OWN = frozenset(
    "vocab_size tie_word_embeddings torch_dtype dtype transformers_version _name_or_path "
    "architectures auto_map use_cache quantization_config".split()
)
_FLOATS = ("F64", "F32", "F16", "BF16")
_QUANTISED = (".absmax", ".quant_map", ".nested_absmax", ".SCB", ".qweight", ".qzeros", ".scales")


def check_configuration(child: Path, base: Path) -> list[Finding]:
    """Compare config.json, but for what merging may change, and generation_config.json."""
    ours, theirs = _flat(read_json(child / "config.json")), _flat(read_json(base / "config.json"))
    keys = sorted((ours.keys() | theirs.keys()) - _OWN)
    different = {
        key: [ours.get(key), theirs.get(key)] for key in keys if ours.get(key) != theirs.get(key)
    }
    different = {
        k: v
        for k, v in different.items()
        if not (v[0] in (None, {}, []) and v[1] in (None, {}, []))
    }
    findings = [_same("config.values", "config.json", different)]
    file = "generation_config.json"
    if (base / file).is_file():
        got = read_json(child / file) if (child / file).is_file() else {}
        wanted = read_json(base / file)
        ends = {
            key: [got.get(key), wanted.get(key)]
            for key in ("bos_token_id", "eos_token_id", "pad_token_id")
            if got.get(key) != wanted.get(key)
        }
        findings.append(_same("config.generation", file, ends))
    return findings


def _same(check: str, file: str, different: Mapping[str, list[Any]]) -> Finding:
    if not different:
        return Finding(check, "passed", f"{file} says what the base's says.")
    key, (got, wanted) = next(iter(different.items()))
    sentence = f"{file} has {key} = {_said(got)}, the base {_said(wanted)}"
    more = f", and {len(different) - 1} more differ" if len(different) > 1 else ""
    return Finding(
        check, "failed", f"{sentence}{more}.", evidence={"keys": dict(different)}
    )  # fmt: skip


def _said(value: object) -> str:
    return "nothing" if value is None else str(value)[:80]


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Bring the text model's values and both spellings of rotary parameters to one level."""
    values = dict(config)
    text = values.pop("text_config", None)
    if isinstance(text, dict):
        values |= text
    rope = values.pop("rope_parameters", None) or values.pop("rope_scaling", None)
    values.pop("rope_scaling", None)
    theta = values.pop("rope_theta", None)
    if isinstance(rope, dict):
        for key, value in rope.items():
            values[f"rope.{'rope_type' if key == 'type' else key}"] = value
    if theta is not None:
        values.setdefault("rope.rope_theta", theta)
    return values


def check_formats(child: Path, tensors: FolderTensors, base: FolderTensors | None) -> list[Finding]:
    """Look for what 4- or 8-bit loading leaves behind, and for changed number formats."""
    config = read_json(child / "config.json")
    left = [
        name
        for name in tensors.shapes
        if name.endswith(_QUANTISED) or ".quant_state." in name
        or (tensors.kind(name) not in _FLOATS and name.endswith(".weight"))
    ]  # fmt: skip
    quantised = "quantization_config" in config
    findings = []
    if left or quantised:
        evidence = {
            "tensors": left[:32], "count": len(left), "config": quantised,
            "method": str((config.get("quantization_config") or {}).get("quant_method", "")),
        }  # fmt: skip
        what = f"{len(left):,} packed tensors" if left else "a quantization_config in config.json"
        sentence = f"The folder still holds {what}: the adapter was merged into a quantised model."
        findings.append(Finding("weights.four_bit", "failed", sentence, len(left), 0, evidence))
    else:
        findings.append(
            Finding("weights.four_bit", "passed", "Nothing of a quantised model is left behind.")
        )
    if base is not None:
        findings.append(_formats(tensors, base))
    return findings


def _formats(child: FolderTensors, base: FolderTensors) -> Finding:
    changed = {
        name: [child.kind(name), base.kind(name)]
        for name in child.shapes
        if name in base.shapes and child.kind(name) != base.kind(name)
    }
    if not changed:
        return Finding("weights.format", "passed", "Number formats are the base's.")
    (got, wanted), count = Counter(tuple(pair) for pair in changed.values()).most_common(1)[0]
    narrower = (got, wanted) in (("F16", "BF16"), ("F16", "F32"), ("BF16", "F32"))
    evidence = {"tensors": dict(list(changed.items())[:32]), "from": wanted, "to": got}
    return Finding(
        "weights.format", "degraded" if narrower else "passed",
        f"{count:,} tensors are in {got}, in the base in {wanted}.", count, 0, evidence,
    )  # fmt: skip


def check_ends(child_folder: Path, child: FolderTensors, adapted: AdaptedTensors) -> list[Finding]:
    """Compare embedding, output layer and whether they are one, with what the adapter trained."""
    config = read_json(child_folder / "config.json")
    text = config.get("text_config") if isinstance(config.get("text_config"), dict) else {}
    tied = bool(
        (text or {}).get(
            "tie_word_embeddings", config.get("tie_word_embeddings", _default_tie(config))
        )
    )
    model = adapted.model
    wanted_tied = bool(model.config.tie_word_embeddings)
    own_head = model.output in child.shapes
    trained = model.output in adapted.changes and not wanted_tied
    evidence: dict[str, Any] = {
        "tied": tied, "should be tied": wanted_tied, "own head": own_head,
        "trained head": trained, "trained embedding": model.embedding in adapted.changes,
        "base tied": model.output not in adapted.base.shapes,
    }  # fmt: skip
    findings = []
    if trained or model.embedding in adapted.changes:
        findings.append(_head(child, adapted, evidence))
    if tied == wanted_tied and (own_head or tied or not model.output):
        findings.append(
            Finding(
                "embedding.tying", "passed", "Embedding and output layer are tied as they must be."
            )
        )
        return findings
    if tied and not wanted_tied:
        sentence = "config.json ties the output layer to the embedding, but they are different."
    elif not tied and not own_head:
        sentence = "config.json says that there is an output layer of its own, but there is none."
    else:
        sentence = "config.json does not tie the output layer to the embedding, as the base does."
    # An untied copy that equals the embedding computes the same.
    harmless = not tied and own_head and _same_ends(child, adapted)
    findings.append(
        Finding(
            "embedding.tying", "degraded" if harmless else "failed", sentence, evidence=evidence
        )
    )
    return findings


def _default_tie(config: Mapping[str, Any]) -> bool:
    """Give what transformers takes where config.json does not say: each architecture has its own."""
    from transformers import AutoConfig

    try:
        return bool(AutoConfig.for_model(config.get("model_type", "")).tie_word_embeddings)
    except (ValueError, AttributeError, KeyError):
        return False


def _same_ends(child: FolderTensors, adapted: AdaptedTensors) -> bool:
    ends = adapted.model.output, adapted.model.embedding
    if (
        not all(name in child.shapes for name in ends)
        or child.shapes[ends[0]] != child.shapes[ends[1]]
    ):
        return False
    found = distance(child.read(ends[1]), lambda a, b: child.rows(ends[0], a, b))
    return found.relative <= 1e-6


def _head(child: FolderTensors, adapted: AdaptedTensors, evidence: dict[str, Any]) -> Finding:
    """Say whether the ends that the adapter trained are those of the child."""
    lost, wrong = [], []
    for name in (model_end for model_end in (adapted.model.output, adapted.model.embedding)):
        if name not in adapted.changes or name not in adapted.shapes:
            continue
        if name not in child.shapes:
            lost.append(name)
            continue
        if child.shapes[name] != adapted.shapes[name]:
            wrong.append(name)
            continue
        allowed = rounding(adapted.kind(name), child.kind(name))
        found = distance(adapted.read(name), lambda a, b, n=name: child.rows(n, a, b))  # type: ignore[misc]
        if found.relative > allowed or found.row_error > max(3 * allowed, 0.02):
            wrong.append(name)
            before = distance(adapted.before(name), lambda a, b, n=name: child.rows(n, a, b))  # type: ignore[misc]
            evidence[f"{name} is the base's"] = before.relative <= allowed
    evidence |= {"lost": lost, "wrong": wrong}
    if not lost and not wrong:
        return Finding(
            "head.accounted",
            "passed",
            "Embedding and output layer are as the adapter trained them.",
        )
    name = (lost or wrong)[0]
    said = "is missing" if lost else "is not the one that the adapter trained"
    return Finding("head.accounted", "failed", f"{name} {said}.", evidence=evidence)
