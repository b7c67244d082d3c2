"""The pure core: frozen values and decisions.

Standard library only. No clock, no randomness, no socket, no file, no database: time, draws and ids come in as
arguments, so every rule here can be tested by calling it.
"""
