"""Contract suites: what a second implementation of one of noria's interfaces must pass. Only tests import them."""
