"""A browser tab without a browser: speaks Streamlit's websocket as its front end does, and keeps what the page shows.

It keeps large messages so that they are sent once, follows `run_every`, and uploads files; it runs no script of a page.
"""

import asyncio
import json
import time
import urllib.request
import uuid
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

import websockets
from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.typing import Origin, Subprotocol

KEPT_RUNS = 2  # of the script, after which the front end forgets a large message that was not shown again
TIMEOUT = 120


class Tab:
    """One session. `elements` are what the page shows, by their places; `seen` gets every message as it came."""

    def __init__(self, port: int, cookies: dict[str, str] | None = None) -> None:
        self.address, self.cookies = f"127.0.0.1:{port}", dict(cookies or {})
        self.elements: dict[tuple[int, ...], Element] = {}
        self.pages: dict[str, str] = {}
        self.query, self.received = "", 0
        self.problems: list[str] = []  # what went wrong in a script, ever
        self._page = ""
        self._fragments: dict[tuple[int, ...], str] = {}  # those that drew the elements which are in one
        self._kept: dict[str, tuple[int, ForwardMsg]] = {}
        self._runs = 0
        self._ticks: dict[str, float] = {}  # seconds between two runs of a fragment
        self._due: dict[str, float] = {}
        self._session = ""

    async def connect(self) -> "Tab":
        """As a browser that has loaded the page: with the cookie against forged requests."""
        token = await asyncio.to_thread(self._fetch_token)
        self.cookies["_streamlit_xsrf"] = token
        self._socket = await websockets.connect(
            f"ws://{self.address}/_stcore/stream",
            subprotocols=[Subprotocol("streamlit"), Subprotocol(token)],
            origin=Origin(f"http://{self.address}"),
            additional_headers={"Cookie": self._cookie_header()},
            max_size=None,
            ping_interval=None,
        )
        return self

    async def close(self) -> None:
        await self._socket.close()

    # --- what people do: each returns the milliseconds until the script has ended ---

    async def open(self, page: str, query: str = "") -> float:
        """Go to a page by its name in the address, "" for the first one."""
        self.query = query
        message = BackMsg()
        if page in self.pages:
            message.rerun_script.page_script_hash = self.pages[page]
        else:
            message.rerun_script.page_name = page
        return await self._run(message)

    async def rerun(self, *states: WidgetState, fragment: str = "") -> float:
        """Run the page again, or a fragment of it, with what was done to its widgets."""
        message = BackMsg()
        message.rerun_script.page_script_hash = self._page
        message.rerun_script.fragment_id = fragment
        message.rerun_script.widget_states.widgets.extend(states)
        return await self._run(message)

    async def press(self, label: str) -> float:
        """Press the button with that label."""
        found, fragment = self._pick("button", "label", label)
        return await self.rerun(WidgetState(id=found.id, trigger_value=True), fragment=fragment)

    async def choose(self, label: str, option: str) -> float:
        """Choose an option of a select box."""
        found, fragment = self._pick("selectbox", "label", label)
        return await self.rerun(WidgetState(id=found.id, string_value=option), fragment=fragment)

    def options(self, label: str) -> list[str]:
        """What the select box with that label offers; nothing where there is none."""
        return [option for box in self.find("selectbox") if box.label == label for option in box.options]

    async def send(self, component: str, event: str, value: object) -> float:
        """Have the first component of a kind send an event, as its script would."""
        found, fragment = self._pick("bidi_component", "component_name", component)
        state = WidgetState(id=_make_trigger_id(found.id, "events"))
        state.json_trigger_value = json.dumps([{"event": event, "value": value}])
        return await self.rerun(state, fragment=fragment)

    async def upload(self, name: str, content: bytes, kind: str) -> float:
        """Give a file to the page's first file uploader."""
        started, uploader = time.perf_counter(), self.find("file_uploader")[0]
        message = BackMsg()
        message.file_urls_request.request_id = uuid.uuid4().hex
        message.file_urls_request.file_names.append(name)
        message.file_urls_request.session_id = self._session
        await self._socket.send(message.SerializeToString())
        while not (answer := await self._receive()).HasField("file_urls_response"):
            self._take(answer)
        urls = answer.file_urls_response.file_urls[0]
        await asyncio.to_thread(self._put, urls, name, content, kind)
        state = WidgetState(id=uploader.id)
        info = state.file_uploader_state_value.uploaded_file_info.add()
        info.name, info.size, info.file_id = name, len(content), urls.file_id
        info.file_urls.CopyFrom(urls)
        await self.rerun(state)
        return 1000 * (time.perf_counter() - started)

    @property
    def next_tick(self) -> float | None:
        """When the next fragment is to be run again, as `time.monotonic` counts; None where none is."""
        return min(self._due.values(), default=None)

    async def tick(self) -> float:
        """Run the fragment that is due first."""
        fragment = min(self._due, key=lambda each: self._due[each])
        self._due[fragment] = time.monotonic() + self._ticks[fragment]
        message = BackMsg()
        message.rerun_script.page_script_hash = self._page
        message.rerun_script.fragment_id = fragment
        message.rerun_script.is_auto_rerun = True
        return await self._run(message)

    # --- what the page shows ---

    def find(self, kind: str) -> list:
        """The elements of a kind, as Streamlit names them, from top to bottom."""
        shown = (self.elements[place] for place in sorted(self.elements))
        return [getattr(element, kind) for element in shown if element.WhichOneof("type") == kind]

    def given(self, component: str) -> list[dict]:
        """What the components of a kind are given to show."""
        return [json.loads(each.json) for each in self.find("bidi_component") if each.component_name == component]

    @property
    def errors(self) -> list[str]:
        return [alert.body for alert in self.find("alert") if alert.format == Alert.ERROR]

    @property
    def link(self) -> dict[str, str]:
        """What the link says after the page."""
        return dict(parse_qsl(self.query))

    def _pick(self, kind: str, name: str, value: str) -> tuple[Any, str]:
        """The first element of a kind that is called so, and the fragment that it is in, if it is in one."""
        for place in sorted(self.elements):
            element = getattr(self.elements[place], kind)
            if self.elements[place].WhichOneof("type") == kind and getattr(element, name) == value:
                return element, self._fragments[place]
        raise LookupError(
            f"{value!r} is not on the page, which shows {[getattr(each, name) for each in self.find(kind)]}"
        )

    # --- the protocol ---

    async def _run(self, message: BackMsg) -> float:
        state = message.rerun_script
        state.query_string = self.query
        state.cached_message_hashes.extend(self._kept)
        started = time.perf_counter()
        await self._socket.send(message.SerializeToString())
        while not self._take(await self._receive()):
            pass
        return 1000 * (time.perf_counter() - started)

    async def _receive(self) -> ForwardMsg:
        raw = await asyncio.wait_for(self._socket.recv(), TIMEOUT)
        assert isinstance(raw, bytes)
        self.received += len(raw)
        return ForwardMsg.FromString(raw)

    def _take(self, message: ForwardMsg) -> bool:
        """Note what a message says; whether the script has ended with it, and not just begun anew."""
        place = tuple(message.metadata.delta_path)
        if message.ref_hash:
            message = self._kept[message.ref_hash][1]
        if message.metadata.cacheable:
            self._kept[message.hash] = self._runs, message
        if message.WhichOneof("type") == "script_finished":
            return self._end(message)
        self._note(message, place)
        return False

    def _note(self, message: ForwardMsg, place: tuple[int, ...]) -> None:
        match message.WhichOneof("type"):
            case "new_session":
                self._begin(message)
            case "navigation":  # knows better than the session where the first run has led
                self._page = message.navigation.page_script_hash or self._page
                pages = message.navigation.app_pages
                self.pages = {"" if page.is_default else page.url_pathname: page.page_script_hash for page in pages}
            case "page_info_changed":
                self.query = message.page_info_changed.query_string
            case "auto_rerun":
                again = message.auto_rerun
                self._ticks[again.fragment_id] = again.interval
                self._due.setdefault(again.fragment_id, time.monotonic() + again.interval)
            case "stop_auto_rerun":
                for fragment in message.stop_auto_rerun.fragment_ids:
                    self._ticks.pop(fragment, None), self._due.pop(fragment, None)
            case "page_not_found":
                self.problems.append("page not found")
            case "session_event" if message.session_event.HasField("script_compilation_exception"):
                self.problems.append(message.session_event.script_compilation_exception.message)
            case "delta" if message.delta.HasField("new_element"):
                self._draw(message, place)

    def _begin(self, message: ForwardMsg) -> None:
        self._session = message.new_session.initialize.session_id or self._session
        self._page = message.new_session.page_script_hash
        if drawn := set(message.metadata.run.fragment_ids):
            for place in [place for place in self.elements if self._fragments[place] in drawn]:
                del self.elements[place]
        else:
            self.elements, self._ticks, self._due = {}, {}, {}

    def _draw(self, message: ForwardMsg, place: tuple[int, ...]) -> None:
        self.elements[place], self._fragments[place] = message.delta.new_element, message.delta.fragment_id
        if message.delta.new_element.HasField("exception"):
            self.problems.append(message.delta.new_element.exception.message)

    def _end(self, message: ForwardMsg) -> bool:
        if message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return False
        if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            self._runs += 1
            self._kept = {name: kept for name, kept in self._kept.items() if self._runs - kept[0] <= KEPT_RUNS}
        return True

    def _cookie_header(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def _fetch_token(self) -> str:
        with urllib.request.urlopen(f"http://{self.address}/_stcore/health", timeout=TIMEOUT) as answer:
            return SimpleCookie(answer.headers["Set-Cookie"])["_streamlit_xsrf"].value

    def _put(self, urls: FileURLs, name: str, content: bytes, kind: str) -> None:
        """Raises urllib.error.HTTPError where the server refuses the file."""
        edge = uuid.uuid4().hex
        head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\nContent-Type: {kind}'
        request = urllib.request.Request(
            f"http://{self.address}{urls.upload_url}",
            head.encode() + b"\r\n\r\n" + content + f"\r\n--{edge}--\r\n".encode(),
            {
                "Content-Type": f"multipart/form-data; boundary={edge}",
                "Cookie": self._cookie_header(),
                "X-Xsrftoken": self.cookies["_streamlit_xsrf"],
            },
            method="PUT",
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT):
            pass
