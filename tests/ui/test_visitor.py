"""Who asks: by the address that a connection or a trusted proxy tells, and by nothing that a visitor could forge."""

import pytest
from streamlit.runtime.context import ContextProxy

from fmexplore.ui import visitor


class Headers(dict):
    """As Streamlit gives them; each name may come several times."""

    def get_all(self, name: str) -> list[str]:
        return self.get(name, [])


@pytest.fixture
def address(monkeypatch):
    """What stands for a visitor with that connection and those headers."""

    def find(proxies: int, ip: str | None, *forwarded: str) -> str:
        monkeypatch.setattr(visitor, "session", lambda: "tab")
        monkeypatch.setattr(ContextProxy, "ip_address", ip)
        monkeypatch.setattr(ContextProxy, "headers", Headers({"X-Forwarded-For": list(forwarded)}))
        return visitor.address(proxies)

    return find


def test_without_a_proxy_the_connection_counts_and_a_forged_header_makes_the_visitor_unknown(address):
    assert address(0, "192.0.2.1") == address(0, "192.0.2.1") != address(0, "192.0.2.2")
    assert address(0, "192.0.2.1", "198.51.100.7") == ""
    assert address(0, None) == "", "this computer"


def test_behind_proxies_the_address_is_what_the_outermost_of_them_has_seen(address):
    seen = address(0, "192.0.2.1")
    assert address(1, None, "192.0.2.1") == seen
    assert address(1, None, "203.0.113.9, 192.0.2.1") == seen, "what the visitor has sent stands before"
    assert address(1, None, "203.0.113.9", "192.0.2.1") == seen
    assert address(2, None, "192.0.2.1, 10.0.0.1") == seen
    assert address(2, None, "192.0.2.1") == "", "one proxy less than was said"
    assert address(1, None, "<nonsense>") == ""


def test_a_network_of_ipv6_is_one_address_as_a_visitor_has_billions_of_them(address):
    assert address(0, "2001:db8::1") == address(0, "2001:db8::ffff:2") != address(0, "2001:db8:0:1::1")
    assert address(0, "::ffff:192.0.2.1") == address(0, "192.0.2.1")


def test_an_address_cannot_be_read_from_what_stands_for_it(address):
    assert "192" not in address(0, "192.0.2.1")
    assert len(address(0, "192.0.2.1")) == 12


def test_outside_of_a_session_nobody_is_known():
    assert (visitor.address(0), visitor.session(), visitor.is_connected("x")) == ("", "", False)
