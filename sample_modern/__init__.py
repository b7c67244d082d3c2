"""The modern shop: new services over a clean schema, with planted, listed differences from the legacy one."""
