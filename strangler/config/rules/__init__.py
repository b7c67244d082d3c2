"""What a sound file must hold beyond the form of its values. Each rule notes problems; none depends on another."""

from strangler.config.rules import adapting, engines, evidence, groups, places, routes, splitting, upstreams
from strangler.config.rules.draft import Rule

RULES: tuple[Rule, ...] = (
    *upstreams.RULES,
    *places.RULES,
    *engines.RULES,
    *routes.RULES,
    *adapting.RULES,
    *splitting.RULES,
    *groups.RULES,
    *evidence.RULES,
)
