"""`python -m orderloom` is the command `orderloom`."""

from orderloom.cli import main

if __name__ == "__main__":
    main()
