"""The modern shop: new services over a clean schema, with planted, listed differences from the legacy one.

It imports nothing of the legacy application but the facts that both are seeded from, and the visible contract in
``sample_legacy.shared``.
"""
