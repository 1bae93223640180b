"""A fiscal period as a value: a year, a part of one, or a day, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass

MONTHS = tuple(
    "January February March April May June July August September October November December".split()
)


@dataclass(frozen=True, slots=True)
class Period:
    """A fiscal year, a part of one, or a month or day, as far as a text says.

    `year` is 0 where it is not said; for a year over two calendar years it is the later one.
    `part` is `year`, `Q1` to `Q4`, `H1`, `H2`, `9M` (nine months), `Q` or `H` (a quarter, a half,
    known by its end), `month` or `day`. `month` and `day` are when it ends or is; 0 if not said.
    """

    year: int
    part: str = "year"
    month: int = 0
    day: int = 0
    calendar: bool = False

    @property
    def label(self) -> str:
        """Give it as it is shown, and read again: FY2023, Q3 2022, 31 Dec 2023, 9M 2024."""
        year = str(self.year) if self.year else ""
        month = MONTHS[self.month - 1][:3] if self.month else ""
        when = " ".join(filter(None, [str(self.day or ""), month, year]))
        if self.part in ("day", "month"):
            return when
        if self.part in ("Q", "H"):
            name = "three months" if self.part == "Q" else "half-year"
            return f"{name} to {when}" if month else f"{name} {year}".strip()
        if self.part == "year":
            return f"{'CY' if self.calendar else 'FY'}{year}"
        return f"{self.part} {year}".strip()

    @property
    def is_interim(self) -> bool:
        """Whether it is a quarter, a half or nine months."""
        return self.part not in ("year", "month", "day")

    @property
    def is_date(self) -> bool:
        """Whether it is a month or a day."""
        return self.part in ("month", "day")

    @property
    def order(self) -> tuple[int, int, int]:
        """What tells which of two periods of one company ends later."""
        ends = {"Q1": 3, "Q2": 6, "H1": 6, "Q3": 9, "9M": 9}
        return (self.year, self.month if self.is_date else ends.get(self.part, 12), self.day)


def month_number(name: str) -> int:
    """Give the number from 1 of a month's name or abbreviation."""
    return next(n for n, month in enumerate(MONTHS, 1) if month[:3].lower() == name[:3].lower())


def full_year(digits: str) -> int:
    """Give the year of four digits, or of the last two."""
    return int(digits) if len(digits) == 4 else 2000 + int(digits)
