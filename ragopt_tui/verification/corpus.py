"""Texts to compare on: strings for tokens, dialogues, text to predict, and questions.

The same everywhere: made by rules with a fixed seed, and from the user's documents where given.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ragopt_tui.verification.sides import Dialogue

Kind = Literal["documents", "words", "figures", "whitespace", "unicode", "code", "special"]

FEWEST = 3000
"""How many strings there are at least."""

_FEWEST_WORDS = 600
_MOST_PASSAGES = 1500
_LONGEST_PASSAGE = 2000
_SEED = 20240601


@dataclass(frozen=True, slots=True)
class Sample:
    """A string to be split into tokens, and of which kind it is."""

    kind: Kind
    text: str


_SUBJECTS = (
    "Revenue", "Net interest income", "The operating margin", "Adjusted EBITDA", "Free cash flow",
    "The board", "Management", "Our largest customer", "The dividend", "Capital expenditure",
    "Goodwill", "The effective tax rate", "Days' sales outstanding", "The loan-to-value ratio",
    "Headcount", "The covenant", "Segment profit", "The order backlog", "Inventory", "Net debt",
)  # fmt: skip
_VERBS = (
    "rose to", "fell to", "was", "is expected to reach", "declined from", "amounted to", "exceeded",
    "remained at", "improved by", "was restated as", "will not exceed", "narrowed to",
)  # fmt: skip
_CONTEXTS = (
    "in the year ended 31 December 2023", "in Q4'24", "compared with the prior year",
    "on a like-for-like basis", "before exceptional items", "(unaudited)", "at constant currency",
    "for the fiscal year", "under IFRS 16", "per diluted share", "year-on-year", "as reported",
)  # fmt: skip
_SYMBOLS = ("", "$", "€", "£", "US$", "CHF ", "¥", "Rs. ")
_UNITS = ("", " million", " bn", "m", "k", "%", " %", " bps", "x", " per cent", "pp", "/share")
_SPACES = (" ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", " \n", "\n ", "\t\t", "    ", "\u00a0")
_SCRIPTS = (
    "Größe und Überschuß der Gewinn- und Verlustrechnung", "résultat net part du groupe, décembre",
    "año fiscal, beneficio básico por acción: 1,25 €", "Πωλήσεις και καθαρά κέρδη", "Чистая прибыль выросла",
    "営業利益は前年比12%増", "净利润同比增长8.5%", "영업이익률은 14.2%", "صافي الربح ارتفع", "הכנסות נטו",
    "शुद्ध लाभ बढ़ा", "กำไรสุทธิเพิ่มขึ้น", "lợi nhuận ròng tăng", "čistý zisk a tržby", "İşletme kârı",
    "naïve façade coöperate", "Ångström Ærø Œuvre ßtraße", "ﬁnancial ﬂow", "x² + y³ ≠ ½·z", "∑∏√∞≈≤≥±×÷",
)  # fmt: skip
_EMOJI = ("🙂", "👍🏽", "👩‍💻", "🇨🇭", "❤️", "📈📉", "1️⃣", "🏳️‍🌈", "𝒜𝒷𝒸", "𝟙𝟚𝟛", "🂡", "\U0001f9ff")
_MARKS = (
    "“quoted”",
    "‘single’",
    "en–dash",
    "em—dash",
    "…",
    "•",
    "™®©",
    "§ 4(a)(ii)",
    "№ 7",
    "†‡",
    "‰",
    "←→",
)
_CODE = (
    "def f(x: int) -> str:\n    return f\"{x:,.2f}\"", "if (a && !b) { c += 1; }", "SELECT SUM(x) FROM t WHERE y >= 10;",
    "for (int i = 0; i < n; ++i)\n\tv[i] *= 2;", "{\"key\": [1, 2.5, null], \"b\": true}", "<td class=\"r\">1,234</td>",
    "https://example.org/a?b=c&d=%20e#f", "user.name@example.co.uk", "C:\\Reports\\2024\\file_v2.xlsx",
    "| Revenue | 2023 | 2024 |\n|---|---:|---:|\n| Total | 1,234 | (56) |", "a_b__c___d", "camelCaseName HTTPServerError",
    "## 3.2 Heading\n\n- item *one*\n- item **two**", "$E = mc^2$", "0x1F 0b101 1e-5 -3.14e+10", "!!! ??? ...., ;:'\"",
)  # fmt: skip
_CONTRACTIONS = (
    "don't", "it's", "we'll", "I'M", "they've", "company's", "L'Oréal", "o'clock", "'tis", "rock'n'roll",
    "can’t", "it’s", "DON'T", "y'all'd've", "the 1990's", "James'",
)  # fmt: skip


def strings(documents: Sequence[str], special: Sequence[str]) -> tuple[Sample, ...]:
    """Give at least `FEWEST` different strings, those of the documents first.

    `special` are the texts of special tokens.
    """
    made = [
        *(Sample("documents", text) for text in passages(documents)),
        *(Sample("special", text) for text in _around(special)),
        *(Sample("code", text) for text in _code()),
        *(Sample("unicode", text) for text in _unicode()),
        *(Sample("whitespace", text) for text in _whitespace()),
        *(Sample("figures", text) for text in itertools.islice(_figures(), 900)),
    ]
    unique = {sample.text: sample for sample in made}
    words = 0
    for text in _sentences():
        if len(unique) >= FEWEST and words >= _FEWEST_WORDS:
            break
        if text not in unique:
            unique[text] = Sample("words", text)
            words += 1
    return tuple(unique.values())


def passages(documents: Sequence[str]) -> list[str]:
    """Give pieces of the documents, evenly drawn where there are many, each of limited length."""
    kept = [text[:_LONGEST_PASSAGE] for text in documents if text.strip()]
    step = max(1, -(-len(kept) // _MOST_PASSAGES))
    return kept[::step]


def prose(documents: Sequence[str]) -> list[str]:
    """Give the texts whose predictions are compared: the documents, or made ones where none are."""
    given = passages(documents)
    if sum(map(len, given)) >= 20_000:
        return given
    pick = _picker(_SEED)
    made = [" ".join(_sentence(pick) for _ in range(8)) for _ in range(240)]
    return [*given, *made]


def dialogues() -> tuple[Dialogue, ...]:
    """Give dialogues of every form that a chat has."""
    system = {"role": "system", "content": "You answer from numbered passages. Cite them like [1]."}
    ask = {"role": "user", "content": "What was revenue in 2023?"}
    reply = {"role": "assistant", "content": "Revenue was $4.2 billion [1]."}
    more = {"role": "user", "content": "And in the year before?\n\nPlease be brief."}
    marks = "  Passages:\n\n[1] (a.md · FY 2023)\n| Total | 1,234 |\n\n“naïve” — 5 %\n"
    padded = {"role": "user", "content": marks}
    return (
        [ask],
        [system, ask],
        [ask, reply, more],
        [system, ask, reply, more],
        [system, padded],
        [padded, {"role": "assistant", "content": " \n- one\n- two\n\n"}, ask],
        [{"role": "user", "content": "x"}],
        [ask, reply, more, reply, padded, reply, ask],
    )


QUESTIONS = (
    "What was the company's revenue in 2023, and how did it change?",
    "Which risks does the report name?",
    "Who is the chief executive officer?",
)


def _picker(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same everywhere, nothing secret


def _sentence(pick: random.Random) -> str:
    figure = _figure(pick)
    words = f"{pick.choice(_SUBJECTS)} {pick.choice(_VERBS)} {figure} {pick.choice(_CONTEXTS)}"
    if pick.random() < 0.3:
        words += f", while {pick.choice(_SUBJECTS).lower()} {pick.choice(_VERBS)} {_figure(pick)}"
    return f"{words}{pick.choice(('.', ';', '.', ' [1].', '!'))}"


def _figure(pick: random.Random) -> str:
    size = 10 ** pick.randint(0, 9)
    number = pick.random() * size
    shown = pick.choice((f"{number:,.0f}", f"{number:.1f}", f"{number:,.2f}", f"{int(number)}"))
    text = f"{pick.choice(_SYMBOLS)}{shown}{pick.choice(_UNITS)}"
    return f"({text})" if pick.random() < 0.15 else text


def _sentences() -> Iterator[str]:
    pick = _picker(_SEED + 1)
    while True:
        text = _sentence(pick)
        yield text
        words = text.split()
        yield " ".join(words[: pick.randint(1, 4)])
        yield pick.choice((text.upper(), text.lower(), text.title(), f" {text}"))
        yield pick.choice(_CONTRACTIONS) + " " + words[-1]


def _figures() -> Iterator[str]:
    pick = _picker(_SEED + 2)
    for n in (*range(120), *(10**k for k in range(3, 16)), *(10**k - 1 for k in range(3, 16))):
        yield str(n)
    yield from (
        f"{pick.randint(1900, 2099)}-{pick.randint(1, 12):02}-{pick.randint(1, 28):02}"
        for _ in range(60)
    )
    yield from (
        f"FY{pick.randint(10, 29)} vs Q{pick.randint(1, 4)}'{pick.randint(10, 29)}"
        for _ in range(40)
    )
    while True:
        yield _figure(pick)
        yield "\t".join(_figure(pick) for _ in range(pick.randint(2, 5)))


def _whitespace() -> Iterator[str]:
    for count in (1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 64):
        for space in (" ", "\n", "\t"):
            yield space * count
            yield f"a{space * count}b"
            yield f"{space * count}revenue"
            yield f"revenue{space * count}"
    for first, second, third in itertools.product(_SPACES, repeat=3):
        if first != second:
            yield f"net{first}{second}income{third}2023"


def _unicode() -> Iterator[str]:
    pieces = (*_SCRIPTS, *_EMOJI, *_MARKS)
    yield from pieces
    for one, other in itertools.islice(itertools.combinations(pieces, 2), 0, 700, 3):
        yield f"{one} {other}"
        yield f"{other}{one}"
    for start in (0xA0, 0x100, 0x180, 0x370, 0x400, 0x5D0, 0x620, 0x900, 0xE00, 0x1E00, 0x2000):
        yield "".join(chr(c) for c in range(start, start + 32) if chr(c).isprintable())
    for start in (0x2070, 0x20A0, 0x2100, 0x2190, 0x2200, 0x2500, 0x3040, 0x4E00, 0xAC00, 0x1F600):
        yield " ".join(chr(c) for c in range(start, start + 24) if chr(c).isprintable())


def _code() -> Iterator[str]:
    yield from _CODE
    for one, other in itertools.permutations(_CODE, 2):
        yield f"{one}\n\n{other}"
    for word in _CONTRACTIONS:
        yield word
        yield f"He said {word}, again."


def _around(special: Sequence[str]) -> Iterator[str]:
    for text in special[:64]:
        yield text
        yield f"{text}Revenue rose."
        yield f"Revenue rose.{text}"
        yield f"Revenue{text}rose"
        yield f"{text}{text}"
        yield f"Revenue rose {text} in 2023\n"
        # Nearly a special token, which is plain text.
        yield f"{text[0]} {text[1:]}"
