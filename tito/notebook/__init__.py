"""A module's two files, `.py` and `.ipynb`: read, written, compared, merged."""
