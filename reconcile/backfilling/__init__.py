"""Every key of a mapping once through the applier, chunk by chunk."""
