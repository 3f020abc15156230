"""How the *_fake.py hold the demo's fakes against the vendors' own documents.

A client of a few lines, which knows nothing of the fakes' making, asks everything that the connectors ask, walks every list
to its end, and holds each answer, errors too, against the vendor's document, as strictly as the connectors' fixtures are
(*_connector_fixtures.py).
"""

import datetime
import http.client
import json
import subprocess
import sys
import traceback
import urllib.parse

from fixture_rules import ROOT

# In spring, when some have left and some have joined.
INSTANT = "2026-04-20T06:00:00.000Z"


class Fake:
    """The running fakes. The clock is set by a line on their standard input."""

    def __init__(self, system, answers, instant=INSTANT):
        command = sys.argv[1:2] or ["cargo", "run", "-q", "-p", "exhibit-demo", "--example", "serve", "--"]
        self.process = subprocess.Popen(
            [*command, "1", instant], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        self.info = json.loads(self.process.stdout.readline())
        self.origin, self.now = self.info[system], instant
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.origin).netloc, timeout=30)
        self.system, self.answers, self.headers, self.pages = system, answers, {}, 0

    def at(self, instant):
        self.process.stdin.write(instant + "\n")
        self.process.stdin.flush()
        self.process.stdout.readline()
        self.now = instant

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)

    def send(self, method, path, body=None, headers=None):
        """One request: status, headers, body as text."""
        self.connection.request(method, path, body, self.headers if headers is None else headers)
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()

    def ask(self, host, path, query=None, body=None, status=200, method=None, headers=None):
        """One answer, of the vendor's `host`, held against its document. `path` may be a next link of the fake's."""
        path = path.removeprefix(self.origin)
        if query:
            path += "?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
        method = method or ("GET" if body is None else "POST")
        sent = {**(self.headers if headers is None else headers), "content-type": "application/json"}
        got, found, text = self.send(method, path, None if body is None else json.dumps(body), sent)
        assert got == status, f"{method} {path}: {got} {text[:300]}"
        # Of Google's fakes every service has a path of its own below one origin.
        vendor = f"https://{host}" + path.removeprefix("/" + host)
        exchange = {"method": method, "url": vendor, "status": got, "request_body": body}
        if text:
            # Links lead to the fake where they would lead to the vendor.
            exchange["body_json"] = json.loads(text.replace(self.origin, f"https://{host}"))
        self.answers.check(f"{self.system}: {method} {path}", exchange)
        return json.loads(text) if text else None, found


def unique(items, key):
    keys = [key(item) for item in items]
    assert len(set(keys)) == len(keys), f"twice: {sorted(k for k in keys if keys.count(k) > 1)[:3]}"
    return items


def moved(instant, hours):
    moment = datetime.datetime.fromisoformat(instant.replace("Z", "+00:00")) + datetime.timedelta(hours=hours)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def around(fake, lapse, look, expected, first=1):
    """What is seen an hour before, `first` hours after the start, and long after the end."""
    seen = []
    for instant in (moved(lapse["start"], -1), moved(lapse["start"], first), moved(lapse["end"], 24 * 8)):
        fake.at(instant)
        seen.append(look())
    assert seen == expected, (lapse, seen)



def main(system, answers, hold):
    """Runs `hold` with the fake; it returns how much agreed. Exit code 0 when all does, 1 with what does not."""
    fake = Fake(system, answers)
    try:
        total = hold(fake)
    except AssertionError as error:
        print(f"{system}_fake: {str(error) or traceback.extract_tb(error.__traceback__)[-1].line}", file=sys.stderr)
        sys.exit(1)
    finally:
        fake.close()
    print(f"{system}_fake: {total} answers or objects in them, {fake.pages} further pages, agree with the vendor's documents")
