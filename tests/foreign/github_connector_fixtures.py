#!/usr/bin/env python3
"""The fixtures of the GitHub connector's tests, held against GitHub's own OpenAPI document.

Every successful body in plugins/github/fixtures is validated by `jsonschema` (pip install jsonschema) with the
schema that the document gives for its endpoint, `nullable` spelled out. A line whose note says that it has words
which the document does not have must break the document, and by its words alone. Bodies of errors are GitHub's
`basic-error`. Every name of a host and every address of a person is of a domain that is reserved for examples
(RFC 2606, RFC 6761), but for GitHub's own; every IP address of a block that is (RFC 5737).

The document is not part of the repository: it is looked for in ../shared/apis.

Usage: github_connector_fixtures.py. Exit 0 when all hold, 1 with what does not, 77 (skipped) without the document
or jsonschema.
"""

import re
import urllib.parse

from fixture_rules import addresses, convert, deepest, document_or_skip, fixtures, jsonschema_or_skip, run, template

NAME = "github_connector_fixtures"
STRANGE = "words that GitHub's document does not have"

jsonschema = jsonschema_or_skip(NAME)
source = document_or_skip(NAME, "github-evidence-openapi.json")

# What this document does not describe: the GraphQL interface, and how a deployment went.
UNDESCRIBED = re.compile(r"^/graphql$|/deployments/\d+/statuses$")
# GitHub's next links name organisations and repositories by number.
NUMBERED = [(re.compile(r"^/organizations/\d+"), "/orgs/{org}"), (re.compile(r"^/repositories/\d+"), "/repos/{owner}/{repo}")]
GITHUB = re.compile(r"^((api|docs)\.)?github\.com$")


def named(path):
    for number, name in NUMBERED:
        path = number.sub(name, path)
    return path


def size(body):
    """Objects in a list, wherever the list stands; 1 of a single object."""
    if isinstance(body, list):
        return len(body)
    lists = [value for value in body.values() if isinstance(value, list)] if "total_count" in body else []
    return len(lists[0]) if lists else 1


class Answers:
    """Exchanges held against the document: objects by endpoint, how many answers were errors."""

    def __init__(self):
        self.defs = {name: convert(schema) for name, schema in source["components"]["schemas"].items()}
        self.responses = source["components"].get("responses", {})
        self.refusal = jsonschema.Draft202012Validator({"$defs": self.defs, "$ref": "#/$defs/basic-error"})
        self.validators, self.counts, self.refused = {}, {}, 0

    def validator(self, path):
        answer = source["paths"][path]["get"]["responses"]["200"]
        answer = self.responses[answer["$ref"].rsplit("/", 1)[1]] if "$ref" in answer else answer
        schema = convert(answer["content"]["application/json"]["schema"])
        return jsonschema.Draft202012Validator({"$defs": self.defs, **schema})

    def errors(self, place, exchange):
        """The document's path, and what does not fit it."""
        path = urllib.parse.unquote(urllib.parse.urlsplit(exchange["url"]).path.replace("%2F", "-"))
        if UNDESCRIBED.search(path):
            return path, []
        known = template(source["paths"], named(path))
        status = exchange.get("status", 200)
        if status == 204:
            assert "204" in source["paths"][known]["get"]["responses"], place
            return known, []
        if status != 200:
            self.refused += 1
            return known, list(self.refusal.iter_errors(exchange["body_json"]))
        if known not in self.validators:
            self.validators[known] = self.validator(known)
        self.counts[known] = self.counts.get(known, 0) + size(exchange["body_json"])
        return known, list(self.validators[known].iter_errors(exchange["body_json"]))

    def check(self, place, exchange):
        known, errors = self.errors(place, exchange)
        for error in errors:
            cause = deepest(error)[0]
            raise AssertionError(f"{place}: {known}: {cause.json_path}: {cause.message[:300]}")


def main():
    answers, strange = Answers(), 0
    for place, line, fixture in fixtures("github"):
        addresses(line, hosts=GITHUB)
        if fixture.get("note") != STRANGE:
            answers.check(place, fixture)
            continue
        causes = [cause for error in answers.errors(place, fixture)[1] for cause in deepest(error)]
        assert causes and all(c.validator in ("enum", "const", "type") for c in causes), f"{place}: {[c.message[:200] for c in causes]}"
        strange += 1
    # Validating nothing would prove nothing.
    items, refused = answers.counts, answers.refused
    assert len(items) >= 35 and all(items.values()) and strange >= 4 and refused >= 20, (items, strange, refused)
    broken = [{"id": "seven", "login": 7}]
    assert len(list(answers.validators["/orgs/{org}/members"].iter_errors(broken))) > 2
    print(f"github_connector_fixtures: {sum(items.values())} objects of {len(items)} endpoints and {refused} errors agree with GitHub's document")


if __name__ == "__main__":
    run(NAME, main)
