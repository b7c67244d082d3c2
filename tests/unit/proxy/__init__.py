"""Tests of the native engine, without sockets."""
