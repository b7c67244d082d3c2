"""routes.yaml in, core's model out: every problem at once, and edits in place."""
