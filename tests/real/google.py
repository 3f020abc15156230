"""Stands before replay.py, which plays recordings of Google's APIs, and adds what a recording cannot.

usage: google.py PORT BEHIND LOG [NAME=VALUE]

Requests are http://127.0.0.1:PORT/RECORDED-HOST/PATH, as BEHIND, the port of replay.py, wants them. What is added:
  - a token endpoint at /token, which takes a service account's signed assertion (RFC 7523). A token is good for 200 requests,
    then it is refused, as one that was revoked in mid-run;
  - what was not recorded (users that were deleted, too) is answered as Google does where the caller may not ask: 403,
    PERMISSION_DENIED.
NAME=VALUE is a parameter of requests that was recorded with this value only: replay.py answers any other with that recording,
so such a request was not recorded either.
Each answer is appended to LOG, one JSON object a line, with `method`, `path`, `status` and `body`: an independent count is
made from that file.
"""

import http.client
import itertools
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PORT, BEHIND, LOG = int(sys.argv[1]), int(sys.argv[2]), open(sys.argv[3], "a", buffering=1)
NAME, VALUE = (sys.argv[4].split("=") if len(sys.argv) > 4 else (None, None))
LIVES = 200
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
lock = threading.Lock()
numbers, left = itertools.count(1), {}


def refused(code, status, message):
    return code, json.dumps({"error": {"code": code, "message": message, "status": status}}).encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/token":
            return self.token(parse_qs(body.decode()))
        with lock:
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            left[token] = left.get(token, 0) - 1
            if left[token] < 0:
                return refused(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        behind = http.client.HTTPConnection("127.0.0.1", BEHIND)
        behind.request(self.command, self.path, body, {"Content-Type": "application/json"})
        answer = behind.getresponse()
        status, body = answer.status, answer.read()
        # Nobody recorded who had been deleted, and replay.py answers with those who had not.
        other = parse_qs(urlsplit(self.path).query).get(NAME, [VALUE]) != [VALUE]
        if status == 599 or other or "showDeleted=true" in self.path and "/users" in self.path:
            status, body = refused(403, "PERMISSION_DENIED", "Not recorded")
        with lock:
            said = {"method": self.command, "path": self.path, "status": status, "body": body.decode()}
            LOG.write(json.dumps(said) + "\n")
        return status, body

    def token(self, form):
        if form.get("grant_type") != [GRANT] or form["assertion"][0].count(".") != 2:
            return 400, b'{"error":"invalid_grant"}'
        with lock:
            token = f"recorded-token-{next(numbers)}"
            left[token] = LIVES
        said = {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}
        return 200, json.dumps(said).encode()

    def handle_any(self):
        status, body = self.answer()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = handle_any

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
