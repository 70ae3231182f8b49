"""`python -m tito` does what `tito` does."""

from tito.cli import main

if __name__ == "__main__":
    main()
