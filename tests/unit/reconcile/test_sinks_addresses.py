"""Where events are never sent, in every spelling of an address, and where they are."""

import pytest

from reconcile.sinks.addresses import objection


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "169.254.0.1", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::169.254.169.254"),
        *("2002:a9fe:a9fe::1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "2001:0:0:0:0:0:5601:5601"),
        *("fe80::1", "fe80::1%eth0", "febf::1"),
        *("fd00:ec2::254", "fd20:ce::254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "::ffff:168.63.129.16"),
        *("224.0.0.1", "ff02::1"),
    ],
)
def test_nothing_is_sent_there(address):
    assert objection(address)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "fd00::1", "8.8.8.8", "2606:4700::1111"],
)
def test_services_are_reached(address):
    assert objection(address) == ""
