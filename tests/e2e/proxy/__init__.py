"""Tests of the native engine, with sockets."""
