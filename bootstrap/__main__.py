"""`python -m bootstrap` and the `bootstrap` script."""

from bootstrap.cli import main

if __name__ == "__main__":
    main()
