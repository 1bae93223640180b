"""A plan as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from ragopt_tui.models.memory import size_text
from ragopt_tui.plaintext import one_line
from ragopt_tui.training.planning.fitting import Fit
from ragopt_tui.training.planning.plan import Plan, method_name
from ragopt_tui.ui.wording import count, duration

_LABEL = 12
_LONGEST = 2000
_PARTS = {
    "weights": "weights",
    "trained": "what is trained",
    "gradients": "gradients",
    "optimiser": "optimiser",
    "activations": "activations",
    "loss": "loss",
    "overhead": "the rest",
}


def plan_lines(plan: Plan) -> list[str]:
    """Give a plan as lines of a label and what it says."""
    rows = [("method", f"{method_name(plan.config)}, on {plan.base}")]
    if plan.parameters is not None:
        rows.append(("trainable", plan.parameters.text()))
    if plan.fit is not None:
        rows += _memory(plan.fit)
    rows += _data(plan)
    rows.append(("time", _time(plan)))
    rows += [("note", note) for note in plan.notes]
    rows += [("error", str(error)) for error in plan.errors]
    return [f"{label:<{_LABEL}}{one_line(text, _LONGEST)}" for label, text in rows]


def _memory(fit: Fit) -> Iterator[tuple[str, str]]:
    where = "on the GPU" if fit.device == "gpu" else "of memory"
    verdict = "fits" if fit.fits else "does not fit"
    need, free = size_text(fit.memory.total), size_text(fit.free)
    yield "memory", f"{need} {where}, {free} free: {verdict}"
    parts = [
        f"{size_text(size)} {told}"
        for name, told in _PARTS.items()
        if (size := getattr(fit.memory, name)) >= 1_000_000
    ]
    yield "", ", ".join(parts)
    if fit.memory.host:
        yield "", f"{size_text(fit.memory.host)} of the machine's own memory beside it"
    for change in fit.changes:
        yield "needs less", change.text
    if not fit.fits:
        settings = ", ".join(f"{key}: {value}" for key, value in fit.enough)
        told = f"together: {settings}" if settings else "no change is enough: a smaller base"
        yield "would fit", told


def _data(plan: Plan) -> Iterator[tuple[str, str]]:
    if plan.rows is None:
        named = plan.config.data.set
        yield "data", f"{named}, whose rows are not known yet" if named else "data.set names none"
        return
    rows, steps = plan.rows, plan.steps
    about = "about " if rows.sampled else ""
    tokens = (
        f", {about}{rows.tokens:,} tokens, the longest {rows.longest:,}" if rows.lengths else ""
    )
    kept = f", {rows.validation_rows:,} to evaluate" if rows.validation_rows else ""
    yield "data", f"{count(rows.rows, 'row')} to train on{kept}{tokens}"
    if steps is not None:
        epochs = f"{steps.epochs:,.3g} {'epoch' if steps.epochs == 1 else 'epochs'}"
        told = f"{steps.total:,} of {count(steps.rows_per_step, 'row')}, {epochs}"
        more = f"{count(steps.evaluations, 'evaluation')}, {count(steps.checkpoints, 'checkpoint')}"
        yield "steps", f"{told}, {more}"
        if steps.tokens:
            yield "tokens", f"{about}{steps.tokens:,} in all"


def _time(plan: Plan) -> str:
    if plan.seconds is None:
        return "not known before the first steps"
    assert plan.throughput is not None
    speed = f"{plan.throughput.tokens_per_second:,.0f} tokens a second"
    return f"about {duration(plan.seconds, whole=True)} at {speed}, {plan.throughput.source}"
