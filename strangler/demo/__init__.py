"""`strangler demo`: the whole story on real running parts. Stands beside the CLI: it may use everything, nothing uses it."""
