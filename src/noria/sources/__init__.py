"""Where rows come from: files, databases, the web, packages and functions, each read into one Arrow table."""
