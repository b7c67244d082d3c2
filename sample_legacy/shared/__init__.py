"""What a visitor of the shop can see, written once; how it is stored and worked out, twice.

The two applications promise the same bytes, so the page templates, the pictures, the price rules, the way errors and
moments are written, and the process around an application live here. Nothing in this package knows a table: the modern
application may import it and ``sample_legacy.facts``, and nothing else of legacy.
"""
