"""Names that analysts and reports use for the same thing, as data that is easy to edit.

Each line is one concept: the ways it is written, in lower case. A question that uses one of
them also finds sentences that use another.
"""

from __future__ import annotations

SAME_MEANING: tuple[tuple[str, ...], ...] = (
    ("revenue", "revenues", "sales", "net sales", "turnover", "top line"),
    ("net income", "net earnings", "net profit", "profit for the year", "bottom line"),
    ("operating income", "operating profit", "ebit", "income from operations"),
    ("gross margin", "gross profit margin"),
    ("operating margin", "ebit margin", "operating profit margin"),
    ("capital expenditures", "capital expenditure", "capex", "capital spending"),
    ("research and development", "r&d"),
    ("selling, general and administrative", "sg&a", "overhead"),
    ("cost of goods sold", "cost of sales", "cogs", "cost of revenue"),
    ("earnings per share", "eps"),
    ("free cash flow", "fcf"),
    ("cash provided by operating activities", "operating cash flow", "cash flow from operations"),
    ("depreciation and amortization", "depreciation and amortisation", "d&a"),
    ("effective tax rate", "tax rate"),
    ("headcount", "employees", "employed", "workforce", "staff", "people"),
    ("repurchase", "repurchased", "buyback", "buybacks", "bought back"),
    ("dividend", "dividends", "distribution", "distributions", "payout"),
    ("net asset value", "nav"),
    ("expense ratio", "ongoing charges", "ter"),
    ("leverage", "net debt to ebitda", "debt to ebitda"),
    ("revolving credit facility", "revolver", "credit line", "credit facility"),
    ("covenant", "covenants"),
    ("auditor", "audited by", "independent registered public accounting firm"),
    ("chief executive officer", "ceo", "chief executive"),
    ("chief financial officer", "cfo"),
    ("chief operating officer", "coo"),
    ("headquarters", "headquartered", "head office", "principal executive offices"),
    ("acquisition", "acquired", "acquire", "bought", "purchased"),
    ("divestiture", "divested", "disposal", "disposed", "sold"),
    ("guidance", "outlook", "expects", "forecast", "expected"),
    ("impairment", "write-down", "written down", "impaired"),
    ("days sales outstanding", "dso"),
    ("return on equity", "roe"),
    ("return on invested capital", "roic"),
    ("lawsuit", "litigation", "legal proceedings", "complaint", "claim"),
    ("q1", "first quarter"),
    ("q2", "second quarter"),
    ("q3", "third quarter"),
    ("q4", "fourth quarter"),
    ("h1", "first half", "first six months"),
    ("h2", "second half"),
    ("increase", "increased", "rose", "grew", "growth", "up", "rise", "grow"),
    ("decrease", "decreased", "fell", "declined", "decline", "down", "drop", "dropped", "fall"),
)
