#!/usr/bin/env python3
"""The fixtures of the Jira connector's tests, held against Jira's own OpenAPI document.

Every successful body in plugins/jira/fixtures is validated by `jsonschema` (pip install jsonschema) with the schema
that the document gives for its endpoint; a null counts as an absent field, as the real Jira sends nulls that its
document does not allow. Bodies of searches are held against what the document asks for. Every name of a host and
every address of a person is of a domain that is reserved for examples (RFC 2606, RFC 6761), every IP address of a
block that is (RFC 5737).

The document is not part of the repository: it is looked for in ../shared/apis.

Usage: jira_connector_fixtures.py. Exit 0 when all hold, 1 with what does not, 77 (skipped) without the document or
jsonschema.
"""

import re
import urllib.parse

from fixture_rules import ROOT, addresses, convert, deepest, document_or_skip, fixtures, jsonschema_or_skip, run, template

NAME = "jira_connector_fixtures"

jsonschema = jsonschema_or_skip(NAME)
source = document_or_skip(NAME, "jira-evidence-openapi.json")

from okta_fixtures import without_nulls  # noqa: E402

# Atlassian's edge, and what the document leaves out; jira_client_models.mjs looks at the latter.
UNDESCRIBED = re.compile(r"/_edge/tenant_info|/rest/servicedeskapi/request/\d+/approval|/rest/api/3/issue/\d+/remotelink")
# Opens approvals alone, which are not in the document.
APPROVALS = "read:servicedesk-request"


def scopes(operations):
    """The README's scopes open every operation, in one of the ways that the document gives, and none is superfluous."""
    readme = (ROOT / "plugins" / "jira" / "README.md").read_text()
    given = set(re.search(r"```text\n(.*?)```", readme, re.S)[1].split())
    needed = {APPROVALS}
    for path, operation in operations.items():
        ways = [set(way["scopes"]) for way in operation["x-atlassian-oauth2-scopes"]]
        opened = [way for way in ways if way <= given]
        assert opened, f"{path}: the README's scopes open it not; one of {ways} does"
        needed |= min(opened, key=len)
    assert given == needed, f"superfluous: {given - needed}"


class Answers:
    """Exchanges held against the document: answers by endpoint, searches, how many answers were errors."""

    def __init__(self):
        self.defs = {name: convert(schema) for name, schema in source["components"]["schemas"].items()}
        self.refusal = jsonschema.Draft202012Validator({"$defs": self.defs, "$ref": "#/$defs/ErrorCollection"})
        self.counts, self.asked, self.refused, self.operations = {}, 0, 0, {}

    def validator(self, content):
        return jsonschema.Draft202012Validator({"$defs": self.defs, **convert(content["application/json"]["schema"])})

    def check(self, place, exchange):
        path = urllib.parse.urlsplit(exchange["url"]).path
        if UNDESCRIBED.fullmatch(path):
            return
        known = template(source["paths"], path)
        operation = source["paths"][known][exchange["method"].lower()]
        self.operations[known] = operation
        body, causes = without_nulls(exchange["body_json"]), []
        if exchange["method"] == "POST":
            self.asked += 1
            causes += self.validator(operation["requestBody"]["content"]).iter_errors(exchange["request_body"])
        if exchange.get("status", 200) != 200:
            self.refused += 1
            causes += self.refusal.iter_errors(body)
        else:
            causes += self.validator(operation["responses"]["200"]["content"]).iter_errors(body)
            self.counts[known] = self.counts.get(known, 0) + 1
        for error in causes:
            cause = deepest(error)[0]
            raise AssertionError(f"{place}: {known}: {cause.json_path}: {cause.message[:300]}")


def main():
    answers = Answers()
    for place, line, fixture in fixtures("jira"):
        addresses(line)
        answers.check(place, fixture)
    # Validating nothing would prove nothing.
    answered, asked, refused = answers.counts, answers.asked, answers.refused
    assert len(answered) >= 11 and asked >= 5 and refused >= 8, (answered, asked, refused)
    users = answers.validator(source["paths"]["/rest/api/3/users/search"]["get"]["responses"]["200"]["content"])
    assert list(users.iter_errors([{"accountId": 7, "active": "yes"}]))
    scopes(answers.operations)
    print(f"jira_connector_fixtures: {sum(answered.values())} bodies of {len(answered)} endpoints, {asked} searches and {refused} errors agree with Jira's document")


if __name__ == "__main__":
    run(NAME, main)
