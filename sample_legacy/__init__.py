"""The legacy shop: a small monolith over an old-fashioned schema, here to be strangled."""
