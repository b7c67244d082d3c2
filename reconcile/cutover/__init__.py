"""The data's half of a cutover: what stands against it, whether everything has arrived and is equal, and the one move of owner.

The traffic's half holds the writers and keeps the decision; see `data_side.DataSide` for the order in which it asks.
"""
