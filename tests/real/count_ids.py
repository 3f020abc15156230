"""Counts, with nothing but json, what a server answered to lists of one path.

usage: count_ids.py LOG PATH

LOG is what forward.py wrote. Prints the ids, sorted, of all objects in the arrays that PATH answered with 200.
"""

import json
import sys
from urllib.parse import urlsplit

ids = set()
for line in open(sys.argv[1]):
    answer = json.loads(line)
    if urlsplit(answer["path"]).path == sys.argv[2] and answer["status"] == 200:
        ids.update(item["id"] for item in json.loads(answer["body"]))
print(json.dumps(sorted(ids)))
