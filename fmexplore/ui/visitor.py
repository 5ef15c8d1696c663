"""Who asks: the key in the browser's cookie, the address that it comes from, the session. Knows no limit and no run."""

import hashlib
import ipaddress
import re
import secrets

import streamlit as st
from streamlit.runtime import exists, get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

from fmexplore.ui.components.owner import COOKIE

_SALT = secrets.token_bytes(16)  # so that nobody can tell an address from what is stored, after a restart not even we


def owner_key() -> str:
    """The random key of this browser, in hexadecimal; empty until it has arrived."""
    for key in (st.context.cookies.get(COOKIE), st.session_state.get("owner_key")):
        if re.fullmatch("[0-9a-f]{32}", key or ""):
            return str(key)
    return ""


def owner_of_key() -> str:
    """A hash of the browser's key, as statuses can be read by others and a key must not be; empty without one."""
    key = owner_key()
    return hashlib.sha256(key.encode()).hexdigest()[:16] if key else ""


def address(proxies: int) -> str:
    """Stands for the address of this visitor, a network of 64 bits in IPv6; empty where that is not known.

    Behind `proxies` proxies it is what the outermost of them has put into X-Forwarded-For. Without any, that header
    may be forged: nothing is known of who sends it.
    """
    if not session():
        return ""
    named = ",".join(st.context.headers.get_all("X-Forwarded-For"))
    forwarded = [part.strip() for part in named.split(",") if part.strip()]
    if proxies:
        text = forwarded[-proxies] if len(forwarded) >= proxies else ""
    else:
        text = "" if forwarded else st.context.ip_address or ""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if found.version == 6:
        found = found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False)
    return hashlib.blake2b(str(found).encode(), key=_SALT, digest_size=6).hexdigest()


def session() -> str:
    """The id of this session; empty outside of one."""
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context else ""


def is_connected(session_id: str) -> bool:
    """Whether a browser shows that session now."""
    return exists() and get_instance().is_active_session(session_id)
