"""Faults that happen to models on their way, each put into a healthy chain."""

from tests.verification import (
    faults_converting,
    faults_converting_more,
    faults_merging,
    faults_merging_more,
)
from tests.verification.injecting import FAULTS, GEMMA, LLAMA, LONG, TIED, Case, Fault, healthy

__all__ = [
    "FAULTS", "GEMMA", "LLAMA", "LONG", "TIED", "Case", "Fault", "faults_converting",
    "faults_converting_more", "faults_merging", "faults_merging_more", "healthy",
]  # fmt: skip
