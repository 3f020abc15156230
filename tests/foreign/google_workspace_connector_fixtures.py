#!/usr/bin/env python3
"""The fixtures of the Google Workspace connector's tests, held against Google's own discovery documents.

Every request in plugins/google-workspace/fixtures is one that a document describes, with parameters that it knows, and every
successful answer fits what the document says of the method's answer, without a member that it does not describe. Every
address of a person is of a domain that is reserved for examples, every IP address of a block that is reserved for
documentation.

Usage: google_workspace_connector_fixtures.py. Exit 0 when all hold, 1 with what does not, 77 (skipped) without the documents
or jsonschema.
"""

import re
import urllib.parse

from fixture_rules import addresses, fixtures, jsonschema_or_skip, run, skip
from google_documents import Document, folder

NAME = "google_workspace_connector_fixtures"
DOCUMENTS = ["admin.directory_v1", "admin.reports_v1", "cloudidentity.v1"]
HOSTS = re.compile(r"(^|\.)(googleapis|google)\.com$")
# Discovery calls these any; Google's reference gives them as lists of objects.
LISTS = ["emails", "organizations", "externalIds", "relations", "phones"]

jsonschema = jsonschema_or_skip(NAME)
documents = folder()
if documents is None:
    skip(NAME, "no discovery documents (pip install google-api-python-client)")


class Answers:
    """Exchanges held against the documents: answers by method."""

    def __init__(self):
        self.known = [Document(documents / f"{name}.json", jsonschema.Draft202012Validator) for name in DOCUMENTS]
        self.counts = {}

    def described(self, exchange):
        url = urllib.parse.urlsplit(exchange["url"])
        for document in self.known:
            if document.host == url.netloc:
                try:
                    return document, document.method(exchange["method"], url.path)
                except AssertionError:
                    continue
        raise AssertionError(f"{exchange['url']}: no document of Google's has it")

    def check(self, place, exchange):
        document, method = self.described(exchange)
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(exchange["url"]).query)
        for name, values in asked.items():
            parameter = method.get("parameters", {}).get(name)
            assert parameter, f"{place}: {method['id']} has no parameter {name}"
            assert values[0] in parameter.get("enum", values), f"{place}: {name} is none of {parameter['enum']}"
            most = int(parameter.get("maximum", 10**9))
            assert parameter["type"] != "integer" or int(values[0]) <= most, f"{place}: {name} is {most} at most"
        for error in document.errors(method, exchange["body_json"]):
            raise AssertionError(f"{place}: {method['id']}: {error.json_path}: {error.message[:300]}")
        for user in exchange["body_json"].get("users", []):
            assert all(isinstance(user.get(name, []), list) for name in LISTS), place
        self.counts[method["id"]] = self.counts.get(method["id"], 0) + 1


def main():
    answers = Answers()
    for place, line, fixture in fixtures("google-workspace"):
        addresses(line, HOSTS)
        answers.check(place, fixture)
    # Validating nothing would prove nothing.
    counts = answers.counts
    assert len(counts) >= 10, counts
    directory = answers.known[0]
    method = directory.method("GET", "/admin/directory/v1/groups")
    broken = {"groups": [{"id": 7, "colour": "red"}]}
    assert len(directory.errors(method, broken)) == 2, "a wrong type and an unknown member are found"
    total = sum(counts.values())
    print(f"google_workspace_connector_fixtures: {total} answers of {len(counts)} methods agree with Google's documents")


if __name__ == "__main__":
    run(NAME, main)
