"""What Prometheus is told of an outbox's sinks."""

from strangler.control import metrics
from strangler.control.outbox_metrics import samples
from strangler.core.data_status import STALE, DataStatus, SinkFigures

NOW = 1_700_000_000.0
STATUS = DataStatus(NOW - 2, {}, {"bus": SinkFigures(7, 3.0, 1, 40, {"failed": 5, "refused": 1}), "log": SinkFigures()})


def test_each_sink_has_its_figures_and_an_age_grows_with_the_document():
    found = [(name, labels, value) for name, (_, labels, value) in samples(STATUS, NOW) if labels["sink"] == "bus"]
    assert found == [
        ("outbox_pending", {"sink": "bus"}, 7),
        ("outbox_oldest_age_seconds", {"sink": "bus"}, 5.0),
        ("outbox_dead", {"sink": "bus"}, 1),
        ("outbox_delivered_total", {"sink": "bus"}, 40),
        ("outbox_failed_total", {"sink": "bus", "class": "failed"}, 5),
        ("outbox_failed_total", {"sink": "bus", "class": "refused"}, 1),
    ]


def test_silence_is_no_figure():
    assert list(samples(None, NOW)) == list(samples(STATUS, NOW + STALE)) == []


def test_every_family_is_known():
    assert {name for name, _ in samples(STATUS, NOW)} <= {name for name, _, _ in metrics.FAMILIES}
