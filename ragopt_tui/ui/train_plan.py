"""The plan of a run, worked out in a process of its own and put into a few lines."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line
from ragopt_tui.training.configuration.config import ConfigError
from ragopt_tui.ui.train_command import answered
from ragopt_tui.ui.variant_words import size
from ragopt_tui.ui.wording import count, duration

Kind = Literal["", "quiet", "problem"]
_LONGEST = 400
_NO_DATA = "Steps and time are known once a data set is named."


@dataclass(frozen=True, slots=True)
class PlanView:
    """Lines to show, each with its kind, and the mistakes that only the plan could find."""

    lines: tuple[tuple[str, Kind], ...] = ()
    errors: tuple[ConfigError, ...] = ()


async def planned(text: str) -> PlanView:
    """Plan a configuration given as YAML; nothing is started. What goes wrong is a line."""
    with tempfile.TemporaryDirectory(prefix="ragopt-plan-") as folder:
        file = Path(folder, "run.yml")
        file.write_text(text, encoding="utf-8")
        try:
            return plan_view(await answered("train", "--plan", "--json", str(file)))
        except RagoptError as error:
            return PlanView(((str(error), "problem"),))


def plan_view(plan: Mapping[str, Any]) -> PlanView:
    """Put a plan, as `ragopt-tui train --plan --json` gives it, into lines."""
    lines: list[tuple[str, Kind]] = []
    if plan.get("parameters"):
        lines.append((f"{plan['method']} trains {plan['parameters']['text']} parameters.", ""))
    if plan.get("memory"):
        lines += _memory(plan["memory"])
    work = _work(plan)
    if work:
        lines.append((work, ""))
    elif not plan.get("set"):
        lines.append((_NO_DATA, "quiet"))
    lines += [(one_line(note, _LONGEST), "quiet") for note in plan.get("notes", ())]
    errors = tuple(
        ConfigError(str(e["message"]), str(e["hint"]), key=str(e["key"]), line=int(e["line"]))
        for e in plan.get("errors", ())
    )
    return PlanView(tuple(line for line in lines if line[0]), errors)


def _memory(memory: Mapping[str, Any]) -> list[tuple[str, Kind]]:
    where = "of the GPU" if memory["device"] != "cpu" else "of memory"
    said = f"Needs {size(memory['need'])} {where}; {size(memory['free'])} are free."
    if memory["fits"]:
        return [(said, "")]
    lines: list[tuple[str, Kind]] = [(f"! {said}", "problem")]
    enough = ", ".join(f"{key}: {value}" for key, value in memory["enough"].items())
    if enough:
        lines.append((f"  It fits with {enough}.", "problem"))
    else:
        lines += [(f"  {change['text']}", "problem") for change in memory["changes"][:2]]
    return lines


def _work(plan: Mapping[str, Any]) -> str:
    data, steps, seconds = plan.get("data"), plan.get("steps"), plan.get("seconds")
    parts: list[str] = []
    if data:
        kept = f", {data['validation_rows']:,} to evaluate" if data["validation_rows"] else ""
        parts.append(f"{count(data['rows'], 'row')}{kept}")
    if steps:
        parts.append(count(steps["total"], "step"))
        about = "about " if data and data["sampled"] else ""
        parts.append(f"{about}{steps['tokens']:,} tokens")
        if seconds is None:
            parts.append("the time is known after the first steps")
        else:
            source = f" ({plan['seconds_from']})" if plan.get("seconds_from") else ""
            parts.append(f"about {duration(seconds, whole=True)}{source}")
    return " · ".join(parts)
