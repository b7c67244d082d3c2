"""Gathering evidence: what workers see of shadowed requests, on its way to the store.

In a worker, `witness` counts it in the cells that `witnessed` names, `sampler` draws samples of all requests, and `courier` hands
over, as `pairs`, what needs a look. In control, `postbox` takes them in, `accounts` keep the ledger closed, and `comparators`
deal them to processes of their own (`comparator`), which answer with `findings`. Which mismatches are asked again, kept as
examples or shown is decided in `second_looks`, `repeats`, `ration` and `glances`. `batches` and `recorder` bring everything to
the store, and `evidence` is all of this put together.
"""
