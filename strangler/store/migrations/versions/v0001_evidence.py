"""The tables of evidence as they were first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNEVEN = sa.text("minute % 60 != 0")


def upgrade() -> None:
    op.create_table(
        "strangler_arms",
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("minute", NUMBER, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("cells", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("route", "minute", "stage", "version", "side", name="pk_strangler_arms"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_strangler_arms_uneven", "strangler_arms", ["minute"], sqlite_where=UNEVEN, postgresql_where=UNEVEN)
    op.create_table(
        "strangler_causes",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("transform", sa.Text(), nullable=False),
        sa.Column("count", NUMBER, nullable=False),
        sa.Column("first_seen", sa.Double(), nullable=False),
        sa.Column("last_seen", sa.Double(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_strangler_causes"),
        sa.UniqueConstraint("id", name="uq_strangler_causes_id"),
        sa.UniqueConstraint("route", "rules", "version", "pattern", "kind", "transform", name="uq_strangler_causes_route"),
    )
    op.create_table(
        "strangler_examples",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_strangler_examples"),
        sa.UniqueConstraint("id", name="uq_strangler_examples_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_strangler_examples_at", "strangler_examples", ["at"])
    op.create_index("ix_strangler_examples_route", "strangler_examples", ["route", "number"])
    op.create_table(
        "strangler_noise",
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("observed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("route", "pattern", name="pk_strangler_noise"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "strangler_runs",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("started", sa.Double(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("ended", sa.Double(), nullable=True),
        sa.Column("alive", sa.Text(), nullable=False),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_strangler_runs"),
        sa.UniqueConstraint("instance", "started", name="uq_strangler_runs_instance"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "strangler_strata",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("control", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("status_class", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_strangler_strata"),
        sa.UniqueConstraint(
            "route", "stage", "control", "rules", "version", "method", "status_class", name="uq_strangler_strata_route"
        ),
    )
    op.create_table(
        "strangler_counts",
        sa.Column("stratum", NUMBER, nullable=False),
        sa.Column("minute", NUMBER, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("count", NUMBER, nullable=False),
        sa.Column("repeated", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["stratum"], ["strangler_strata.number"], name="fk_strangler_counts_stratum"),
        sa.PrimaryKeyConstraint("stratum", "minute", "outcome", name="pk_strangler_counts"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_strangler_counts_uneven", "strangler_counts", ["minute"], sqlite_where=UNEVEN, postgresql_where=UNEVEN)
    op.create_table(
        "strangler_example_causes",
        sa.Column("cause", NUMBER, nullable=False),
        sa.Column("example", NUMBER, nullable=False),
        sa.Column("rank", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["cause"], ["strangler_causes.number"], name="fk_strangler_example_causes_cause", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["example"], ["strangler_examples.number"], name="fk_strangler_example_causes_example", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("cause", "example", name="pk_strangler_example_causes"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_strangler_example_causes_example", "strangler_example_causes", ["example"])
    op.create_table(
        "strangler_settled",
        sa.Column("run", NUMBER, nullable=False),
        sa.Column("incarnation", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("count", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["run"], ["strangler_runs.number"], name="fk_strangler_settled_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "incarnation", "route", name="pk_strangler_settled"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "strangler_tallies",
        sa.Column("run", NUMBER, nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("counter", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("count", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["run"], ["strangler_runs.number"], name="fk_strangler_tallies_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "route", "counter", "label", name="pk_strangler_tallies"),
        sqlite_with_rowid=False,
    )
