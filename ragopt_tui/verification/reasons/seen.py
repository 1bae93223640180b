"""What was found, arranged so that causes can be looked for in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ragopt_tui.verification.report import Cause, Finding

MERGE_AGAIN = (
    "Merge the adapter again with `ragopt-tui merge` into the base that it was trained on."
)
CONVERT_AGAIN = "Convert the model again with `ragopt-tui convert`."
QUANTISE_AGAIN = "Quantise it again with `ragopt-tui quantize` from the unquantised GGUF file."
GET_AGAIN = "Get the file again, or make it again here."


class Seen:
    """Findings by their checks, and the tensors that differ by what became of them."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = findings
        self.bad: dict[str, Finding] = {}
        for each in findings:
            if each.outcome in ("failed", "degraded"):
                self.bad.setdefault(each.check, each)
        self.passed = {each.check for each in findings if each.outcome == "passed"}
        values = self.bad.get("weights.values")
        said = values.evidence.get("tensors", {}) if values else {}
        self.tensors: dict[str, dict[str, Any]] = dict(said)
        self.differing = int(values.evidence.get("count", len(said))) if values else 0

    def fails(self, *checks: str) -> Finding | None:
        """Give the first of these checks that did not pass."""
        return next((self.bad[check] for check in checks if check in self.bad), None)

    def evidence(self, check: str) -> Mapping[str, Any]:
        """Give the evidence of a check that did not pass, empty if it did."""
        found = self.bad.get(check)
        return found.evidence if found else {}

    def found(self, check: str) -> Mapping[str, Any]:
        """Give the evidence of a check whatever its outcome."""
        return next((each.evidence for each in self.findings if each.check == check), {})

    def of_kind(self, *kinds: str) -> dict[str, dict[str, Any]]:
        """Give the differing tensors to which one of these things happened."""
        return {name: said for name, said in self.tensors.items() if said.get("kind") in kinds}

    def explained(self) -> int:
        """Give for how many differing tensors it was asked what happened."""
        return sum(1 for said in self.tensors.values() if "kind" in said)

    def share(self, tensors: Mapping[str, object]) -> float:
        """Give how large a part of the explained differences these are."""
        return len(tensors) / max(self.explained(), 1)

    @property
    def values_equal(self) -> bool:
        """Whether all tensors were compared and none differs."""
        return {"weights.values", "weights.present", "weights.shapes"} <= self.passed

    @property
    def text_equal(self) -> bool:
        """Whether text becomes the same tokens, as far as that was compared."""
        checks = ("tokens.ids", "vocabulary.tokens", "tokenizer.files", "template.ids")
        return not any(check in self.bad for check in checks)

    @property
    def predictions(self) -> Finding | None:
        """The predictions' divergence, if it is too large."""
        return self.fails(
            "distribution.kl_mean", "distribution.kl_far", "distribution.kl_p99",
            "distribution.same_top", "distribution.perplexity", "slices.distance",
            "slices.logits", "distribution.kl_median",
        )  # fmt: skip


def cause(name: str, sentence: str, evidence: str, remedy: str, score: float) -> Cause:
    """Make a cause."""
    return Cause(name, sentence, evidence, remedy, score)


def named(tensors: Iterable[str], most: int = 3) -> str:
    """List a few names."""
    names = list(tensors)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def roles(tensors: Mapping[str, Mapping[str, Any]]) -> Counter[str]:
    """Count what tensors do."""
    return Counter(str(said.get("role", "other")) for said in tensors.values())
