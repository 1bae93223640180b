"""Sets that the cross-encoder is never trained on: they measure it and calibrate refusing."""

HELD_OUT = ("development", "xquad", "bank", "retailer", "funds")
