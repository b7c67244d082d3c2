"""Which side may be written for a mapping, told in both databases, and the number that changes when that moves."""
