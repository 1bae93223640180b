"""What probably went wrong, most probable first, reasoned from what was found.

Each cause is a thing that happens to files or to arithmetic on the way to a GGUF, with the findings
that it would leave: it is told where these are there. The score says how well findings fit it:
above .9 they fit nothing else that is known, below .6 they are only compatible with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ragopt_tui.verification.reasons import behaviour, files, headers, merging, text, values
from ragopt_tui.verification.reasons.seen import Seen
from ragopt_tui.verification.report import Cause, Finding


def diagnose(findings: Sequence[Finding]) -> tuple[Cause, ...]:
    """Give the causes that findings point to, each once; none where nothing is wrong."""
    seen = Seen(findings)
    if not seen.bad:
        return ()
    best: dict[str, Cause] = {}
    for part in (files, merging, values, headers, text, behaviour):
        for found in part.causes(seen):
            if found.name not in best or found.score > best[found.name].score:
                best[found.name] = found
    if not best:
        first = next(iter(seen.bad.values()))
        best["unknown"] = Cause(
            "unknown", "What went wrong is not known.", first.sentence,
            "Make it again; if it is the same, keep to its parent.", 0.1,
        )  # fmt: skip
    return tuple(sorted(best.values(), key=lambda each: -each.score))
