"""What the engine costs, measured beside others in the same run. Not part of the package."""
