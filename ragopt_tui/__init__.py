"""A terminal assistant for financial documents and the local models that answer."""

import os

__version__ = "0.1.0"

# Read where huggingface_hub is first imported: it would tell the hub what runs on this machine.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
# Large tensors take new memory in pages of 2 MB, which halves the time of merging.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
