"""``python -m noria`` is the command ``noria``."""

from noria.cli.main import main

main()
