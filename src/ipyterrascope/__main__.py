"""`python -m ipyterrascope …` is `jupyter terrascope …`."""

from .command import main

main()
