#!/usr/bin/env python3
"""The fixtures of the Pulumi connector's tests, held against Pulumi Cloud's own OpenAPI document.

Every successful body in plugins/pulumi/fixtures is validated by `jsonschema` (pip install jsonschema) with the schema
that the document gives for its endpoint; a null counts as an absent field, as the real Pulumi Cloud sends nulls that
its document does not allow. Four endpoints the document, as it is here, does not have; their bodies are held against
the schemas of what they hold. Every name of a host and every address of a person is of a domain that is reserved for
examples (RFC 2606, RFC 6761), but for Pulumi Cloud's own; every IP address of a block that is (RFC 5737).

The document is not part of the repository: it is looked for in ../shared/apis.

Usage: pulumi_connector_fixtures.py. Exit 0 when all hold, 1 with what does not, 77 (skipped) without the document or
jsonschema.
"""

import re
import urllib.parse

from fixture_rules import addresses, convert, deepest, document_or_skip, fixtures, jsonschema_or_skip, run, template

NAME = "pulumi_connector_fixtures"

jsonschema = jsonschema_or_skip(NAME)
source = document_or_skip(NAME, "pulumi-evidence-openapi.json")

from okta_fixtures import without_nulls  # noqa: E402

PULUMI = re.compile(r"^(api|app)\.pulumi\.com$")
# https://www.pulumi.com/docs/reference/cloud-rest-api/: what these answer with.
BESIDES = [
    (re.compile(r"/teams/[^/]+$"), {"$ref": "#/$defs/Team"}),
    (re.compile(r"/teams/[^/]+/tokens$"), {"$ref": "#/$defs/ListAccessTokensResponse"}),
    # The document gives it two forms, and describes this one elsewhere.
    (re.compile(r"/updates$"), {"$ref": "#/$defs/GetStackUpdatesResponse"}),
    (re.compile(r"/policyresults/issues$"), {
        "type": "object",
        "required": ["policyIssues"],
        "properties": {
            "policyIssues": {"type": "array", "items": {"$ref": "#/$defs/PolicyIssue"}},
            "rowCount": {"type": "integer"},
        },
    }),
]
REFUSED = {"type": "object", "required": ["code", "message"], "properties": {"code": {"type": "integer"}, "message": {"type": "string"}}}


class Answers:
    """Exchanges held against the document: answers by endpoint, how many were errors."""

    def __init__(self):
        self.defs = {name: convert(schema) for name, schema in source["components"]["schemas"].items()}
        self.counts, self.refused = {}, 0

    def validator(self, schema):
        return jsonschema.Draft202012Validator({"$defs": self.defs, **schema})

    def answer_of(self, path):
        for pattern, schema in BESIDES:
            if pattern.search(path):
                return pattern.pattern, schema
        known = template(source["paths"], path)
        answer = source["paths"][known]["get"]["responses"]["200"]
        return known, convert(answer["content"]["application/json"]["schema"])

    def check(self, place, exchange):
        known, schema = self.answer_of(urllib.parse.urlsplit(exchange["url"]).path)
        if exchange.get("status", 200) != 200:
            self.refused += 1
            schema = REFUSED
        else:
            self.counts[known] = self.counts.get(known, 0) + 1
        for error in self.validator(schema).iter_errors(without_nulls(exchange["body_json"])):
            cause = deepest(error)[0]
            # A word that the document does not have, which the tests are about.
            if cause.validator == "enum" and cause.instance == "exploded":
                continue
            raise AssertionError(f"{place}: {known}: {cause.json_path}: {cause.message[:300]}")


def main():
    answers = Answers()
    for place, line, fixture in fixtures("pulumi"):
        addresses(line, hosts=PULUMI)
        answers.check(place, fixture)
    # Validating nothing would prove nothing.
    answered, refused = answers.counts, answers.refused
    assert len(answered) >= 15 and refused >= 12, (answered, refused)
    _, members = answers.answer_of("/api/orgs/example-org/members")
    assert list(answers.validator(members).iter_errors({"members": [{"role": 7}]}))
    print(f"{NAME}: {sum(answered.values())} bodies of {len(answered)} endpoints and {refused} errors agree with Pulumi's document")


if __name__ == "__main__":
    run(NAME, main)
