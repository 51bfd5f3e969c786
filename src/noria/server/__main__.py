"""``python -m noria.server`` serves the pages as a process of its own."""

from noria.server.run import main

main()
