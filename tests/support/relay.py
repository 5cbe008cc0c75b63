"""A relay on loopback that is no demo: answers every POST with a small picture, and notes what it was asked."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.scripted import answering, data_uri, png
from wenwen_magic.models import default_model

COLOURS = ("red", "green", "blue", "gold", "teal", "pink", "navy", "lime")
MODELS = ("drawer-2", "drawer-1")
DEFAULTS = tuple(default_model(form) for form in ("chat", "images", "gemini"))
READERS = tuple(default_model(form, words=True) for form in ("chat", "gemini"))


def whole(number):
    """An answer with the number-th picture inside."""
    return answering(f"![x]({data_uri(png(colour=COLOURS[number % len(COLOURS)]))})")


class Relay:
    """The endpoint; a context manager. ``listing`` lists models.

    ``answer`` words the body of the n-th POST, from 0, or gives a status and a body.
    ``file`` says what a GET of a path with headers gives, a status and bytes, where that is not the list.
    With ``gate`` cleared, answers wait until it is set (ten seconds at most).
    """

    def __init__(self, answer=whole):
        self.answer, self.posts, self.gets, self.gate = answer, [], 0, threading.Event()
        self.listing = lambda: json.dumps({"data": [{"id": name} for name in (*MODELS, *DEFAULTS, *READERS)]})
        self.content_type = "application/json"
        self.file = lambda path, headers: None
        self.gate.set()
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                relay.posts.append((dict(self.headers), body))
                number = len(relay.posts) - 1
                relay.gate.wait(10)
                answer = relay.answer(number)
                status, body = answer if isinstance(answer, tuple) else (200, answer)
                self._say(body, relay.content_type, status)

            def do_GET(self):
                relay.gets += 1
                status, body = relay.file(self.path, self.headers) or (200, relay.listing().encode())
                self._say(body, status=status)

            def _say(self, text, content_type="application/json", status=200):
                body = text if isinstance(text, bytes) else text.encode()
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
