"""The kinds of sources that noria brings, one a file; each loads its libraries when it is asked."""
