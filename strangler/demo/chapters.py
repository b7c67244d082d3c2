"""The chapters in their order. Each starts or changes something real, looks at what came of it from outside, and says whether
it was as claimed. A later feature adds its chapter here."""

from __future__ import annotations

from strangler.demo import climbing, cutting, differences, opening, tables
from strangler.demo.story import Chapter

CHAPTERS: tuple[tuple[str, Chapter], ...] = (
    ("Two shops: a monolith, and the services that will replace it", opening.two_shops),
    ("One description of the data copies it, and proves that it arrived", tables.copied),
    ("The proxy goes in front: nothing changes, and nothing moves without evidence", opening.in_front),
    ("People go on shopping; modern gets copies, and its answers are compared", opening.shopping),
    ("What differs, and why", differences.named),
    ("What differs does not climb", differences.refused),
    ("What agrees climbs: a quarter of the people", climbing.a_quarter),
    ("Every decision can be explained", climbing.explained),
    ("A faulty build is deployed, and nobody has to notice", climbing.a_faulty_build),
    ("The fault is mended: up again, to the top", climbing.to_the_top),
    ("Another route has climbed by itself meanwhile", climbing.by_itself),
    ("The journal has it all", climbing.the_journal),
    ("Somebody changes the new database by hand, and the comparison notices", tables.tampered_with),
    ("The writes go over, and who owns their data, while people order", cutting.there),
    ("And they come home, the same way", cutting.home),
    ("What went where", opening.the_end),
)
