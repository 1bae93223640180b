"""How llama.cpp stores the numbers of a tensor: in blocks, the quantised ones with scales."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GgmlType:
    """`values` numbers take `size` bytes; half-precision scales stand at the bytes `scales`."""

    name: str
    values: int
    size: int
    scales: tuple[int, ...] = ()


GGML_TYPES = {
    0: GgmlType("F32", 1, 4),
    1: GgmlType("F16", 1, 2, (0,)),
    2: GgmlType("Q4_0", 32, 18, (0,)),
    3: GgmlType("Q4_1", 32, 20, (0, 2)),
    6: GgmlType("Q5_0", 32, 22, (0,)),
    7: GgmlType("Q5_1", 32, 24, (0, 2)),
    8: GgmlType("Q8_0", 32, 34, (0,)),
    10: GgmlType("Q2_K", 256, 84, (80, 82)),
    11: GgmlType("Q3_K", 256, 110, (108,)),
    12: GgmlType("Q4_K", 256, 144, (0, 2)),
    13: GgmlType("Q5_K", 256, 176, (0, 2)),
    14: GgmlType("Q6_K", 256, 210, (208,)),
    16: GgmlType("IQ2_XXS", 256, 66, (0,)),
    17: GgmlType("IQ2_XS", 256, 74, (0,)),
    18: GgmlType("IQ3_XXS", 256, 98, (0,)),
    19: GgmlType("IQ1_S", 256, 50, (0,)),
    20: GgmlType("IQ4_NL", 32, 18, (0,)),
    21: GgmlType("IQ3_S", 256, 110, (0,)),
    22: GgmlType("IQ2_S", 256, 82, (0,)),
    23: GgmlType("IQ4_XS", 256, 136, (0,)),
    24: GgmlType("I8", 1, 1),
    25: GgmlType("I16", 1, 2),
    26: GgmlType("I32", 1, 4),
    27: GgmlType("I64", 1, 8),
    28: GgmlType("F64", 1, 8),
    29: GgmlType("IQ1_M", 256, 56),
    30: GgmlType("BF16", 1, 2),
    34: GgmlType("TQ1_0", 256, 54, (52,)),
    35: GgmlType("TQ2_0", 256, 66, (64,)),
    39: GgmlType("MXFP4", 32, 17),
    40: GgmlType("NVFP4", 64, 36),
    41: GgmlType("Q1_0", 128, 18, (0,)),
}
"""By the number that a GGUF header gives a tensor's type."""

FILE_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4",
    39: "NVFP4",
    40: "Q1_0",
}
"""What `general.file_type` says of a whole file."""
