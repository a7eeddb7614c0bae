"""`python -m regimefolio` is the command `regimefolio`."""

from regimefolio.cli import main

if __name__ == "__main__":
    main()
