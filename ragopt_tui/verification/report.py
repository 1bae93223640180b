"""What a verification found: findings, their causes, and all that a report shows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from ragopt_tui.models.inspection import REPORT_FILE

Outcome = Literal["passed", "degraded", "failed", "not compared"]
Verdict = Literal["verified", "degraded", "broken"]
Step = Literal["merge", "convert", "quantise", "adapter gguf", "import"]

_DIVERGENCE = "distribution.kl_mean"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `evidence` are JSON values that causes are reasoned from."""

    check: str
    """A stable id such as `tokens.ids` or `distribution.kl_mean`."""

    outcome: Outcome
    sentence: str
    measured: float | None = None
    limit: float | None = None
    """What `measured` was compared with."""

    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cause:
    """What probably went wrong, why that is thought, and what to do; a higher score is likelier."""

    name: str
    sentence: str
    evidence: str
    remedy: str
    score: float


@dataclass(frozen=True, slots=True)
class Position:
    """A token at which child and parent predicted differently.

    `divergence` is in nats; the tops are the tokens that each would have written there.
    """

    text_before: str
    token: str
    divergence: float
    parent_top: str
    child_top: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What both write in answer to a question, always taking the likeliest token."""

    question: str
    parent: str
    child: str


@dataclass(frozen=True, slots=True)
class Report:
    """A child compared with the parent that it was made from.

    `child` and `parent` are ids of variants; `histogram` is of the divergence of positions in
    nats: its edges, one more than its counts. `seconds` is how long it took, `made` when it was
    done, in seconds since 1970.
    """

    child: str
    parent: str
    step: Step
    findings: tuple[Finding, ...] = ()
    causes: tuple[Cause, ...] = ()
    """Most probable first; empty where nothing is wrong."""

    histogram: tuple[tuple[float, ...], tuple[int, ...]] = ((), ())
    worst: tuple[Position, ...] = ()
    answers: tuple[Answers, ...] = ()
    positions: int = 0
    """At how many positions the predictions were compared."""

    seconds: float = 0.0
    made: float = 0.0
    not_compared: tuple[str, ...] = ()
    """Sentences that say what was left out, and why."""

    @property
    def verdict(self) -> Verdict:
        """The worst that was found: a failed check breaks, a degraded one degrades.

        Where nothing was compared, nothing is proven: that is degraded as well.
        """
        outcomes = {finding.outcome for finding in self.findings}
        if "failed" in outcomes:
            return "broken"
        if "degraded" in outcomes or "passed" not in outcomes:
            return "degraded"
        return "verified"

    @property
    def divergence(self) -> float | None:
        """The mean KL divergence of the child from the parent in nats, None where not measured."""
        return next((each.measured for each in self.findings if each.check == _DIVERGENCE), None)

    def finding(self, check: str) -> Finding | None:
        """Give the first finding of a check, None if there is none."""
        return next((each for each in self.findings if each.check == check), None)

    def summary(self) -> dict[str, Any]:
        """Give what `VariantRecord.verification` keeps."""
        divergence = self.divergence
        finite = divergence is not None and math.isfinite(divergence)
        return {
            "verdict": self.verdict,
            "kl": divergence if finite else None,
            "parent": self.parent,
            "report": REPORT_FILE,
            "at": self.made,
        }

    def to_json(self) -> dict[str, Any]:
        """Give the report as JSON values; numbers that are not finite become their names."""
        values = dataclasses.asdict(self)
        kept = cast("dict[str, Any]", _without_nan(values))
        return {"format": _FORMAT, "verdict": self.verdict} | kept

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Report:
        """Read what `to_json` gave; raises ValueError that says what is wrong."""
        try:
            edges, counts = values.get("histogram") or ((), ())
            step, findings = values["step"], values.get("findings") or ()
            if step not in get_args(Step):
                raise ValueError(f"it is of the unknown step {step!r}")
            return cls(
                child=str(values["child"]),
                parent=str(values["parent"]),
                step=step,
                findings=tuple(_finding(each) for each in findings),
                causes=tuple(Cause(**each) for each in values.get("causes") or ()),
                histogram=(tuple(map(float, edges)), tuple(map(int, counts))),
                worst=tuple(_position(each) for each in values.get("worst") or ()),
                answers=tuple(Answers(**each) for each in values.get("answers") or ()),
                positions=int(values.get("positions") or 0),
                seconds=float(values.get("seconds") or 0.0),
                made=float(values.get("made") or 0.0),
                not_compared=tuple(map(str, values.get("not_compared") or ())),
            )
        except KeyError as error:
            raise ValueError(f"it has no {error}") from error
        except (TypeError, AttributeError) as error:
            raise ValueError(f"a value in it has the wrong type ({error})") from error


def _finding(values: Mapping[str, Any]) -> Finding:
    kept = dict(values)
    if kept["outcome"] not in get_args(Outcome):
        raise ValueError(f"a finding in it has the unknown outcome {kept['outcome']!r}")
    return Finding(**kept | {key: _number(kept.get(key)) for key in ("measured", "limit")})


def _position(values: Mapping[str, Any]) -> Position:
    return Position(**dict(values) | {"divergence": _number(values["divergence"])})


def _number(value: float | str | None) -> Any:  # noqa: ANN401 - a number, or None
    return None if value is None else float(value)


def _without_nan(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Put names in place of numbers that JSON does not know: `nan`, `inf`, `-inf`."""
    if isinstance(value, dict):
        return {str(key): _without_nan(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
