"""From pairs of answers to evidence: decoded, parsed, compared, explained and redacted, so that they can be kept."""
