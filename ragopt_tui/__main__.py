"""`python -m ragopt_tui` is the same program as the console script."""

from ragopt_tui.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
