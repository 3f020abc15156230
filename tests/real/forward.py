"""Stands before a server that plays one Okta organisation, where that server alone does not quite.

usage: forward.py PORT BEHIND HOST LOG [--endless]

BEHIND is the port of replay.py (which wants the recorded host in X-Replay-Host) or of prism. What is added:
  - links in headers and bodies that lead to HOST lead here instead;
  - what was not recorded is answered as Okta does where the credential may not ask: 403, E0000006;
  - the organisation's own document, which neither has, names an organisation;
  - with --endless, each list names a next page in its Link header, always another one. The pages are BEHIND's.
Each answer is appended to LOG, one JSON object a line, with `path`, `status` and `body`: an independent count is made
from that file.
"""

import http.client
import itertools
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, BEHIND, HOST, LOG = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], open(sys.argv[4], "a", buffering=1)
ENDLESS = "--endless" in sys.argv
HERE = f"http://127.0.0.1:{PORT}"
DROPPED = {"content-length", "transfer-encoding", "connection", "keep-alive", "link" if ENDLESS else ""}
ORGANISATION = json.dumps({"id": "00onotrecorded00000000", "pipeline": "idx"})
UNKNOWN = json.dumps({"errorCode": "E0000006", "errorSummary": "Not recorded"})
JSON = [("content-type", "application/json")]
pages = itertools.count(1)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        behind = http.client.HTTPConnection("127.0.0.1", BEHIND)
        given = {"X-Replay-Host": HOST, "Authorization": self.headers.get("Authorization", "")}
        behind.request("GET", self.path, headers=given)
        answer = behind.getresponse()
        body, headers, status = answer.read().decode(), answer.getheaders(), answer.status
        if status in (404, 599) and self.path == "/.well-known/okta-organization":
            status, headers, body = 200, JSON, ORGANISATION
        elif status == 599:
            status, headers, body = 403, JSON, UNKNOWN
        here = lambda text: text.replace(f"https://{HOST}", HERE)
        body = here(body).encode()
        LOG.write(json.dumps({"path": self.path, "status": status, "body": body.decode()}) + "\n")
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in DROPPED:
                self.send_header(name, here(value))
        if ENDLESS and body.startswith(b"["):
            path = self.path.split("?")[0]
            self.send_header("Link", f'<{HERE}{path}?after={next(pages)}>; rel="next"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
