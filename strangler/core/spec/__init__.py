"""How written files are read: a file is described once, as sections of typed fields, and the description yields the
reader (every problem at once, each with its place), the defaults and the JSON Schema for editors.

It works on nodes, not on YAML: the one file that imports a parser hands its events to `node.build`.
"""
