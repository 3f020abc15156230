"""Counts, with nothing but json, what a server answered to lists of one path.

usage: count_ids.py LOG PATH

LOG is what forward.py wrote. Prints the ids, sorted, of all objects in the arrays that PATH answered with 200. An
answer to `limit=1` is left out: that asks whether the list may be read, and a recording answers it with any page.
"""

import json
import sys
from urllib.parse import parse_qs, urlsplit

ids = set()
for line in open(sys.argv[1]):
    answer = json.loads(line)
    url = urlsplit(answer["path"])
    if url.path == sys.argv[2] and answer["status"] == 200 and parse_qs(url.query).get("limit") != ["1"]:
        ids.update(item["id"] for item in json.loads(answer["body"]))
print(json.dumps(sorted(ids)))
