"""What a mappings file says: read, checked alone, frozen; and what it makes of one row. Nothing here opens a database."""
