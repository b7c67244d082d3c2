"""Pages: what the API knows and does, for people with a browser. Plain HTML first; htmx keeps it fresh where it can."""
