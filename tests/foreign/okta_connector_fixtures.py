#!/usr/bin/env python3
"""The fixtures of the Okta connector's tests, held against Okta's own OpenAPI document.

Every successful body in plugins/okta/fixtures is validated by `jsonschema` (pip install jsonschema) with the
schema that the document gives for its endpoint; a null counts as an absent field, as the real Okta sends nulls
that its document does not allow. A line whose note says that it has words which the document does not have must
break the document, and by its words alone. Bodies of errors are Okta's `Error`. Every name of a host and every
address of a person is of a domain that is reserved for examples (RFC 2606, RFC 6761), every IP address of a
block that is (RFC 5737, RFC 3849).

The document is not part of the repository: it is looked for in ../shared/apis.

Usage: okta_connector_fixtures.py. Exit 0 when all hold, 1 with what does not, 77 (skipped) without the document
or jsonschema.
"""

import re
import urllib.parse

from fixture_rules import addresses, deepest, document_or_skip, fixtures, jsonschema_or_skip, run, template

NAME = "okta_connector_fixtures"
STRANGE = "words that Okta's document does not have"

jsonschema = jsonschema_or_skip(NAME)
document_or_skip(NAME, "okta-evidence-openapi.json")

from okta_fixtures import Document, without_nulls  # noqa: E402

# What the document does not describe: the page that needs no credential.
UNDESCRIBED = {"/.well-known/okta-organization"}
# Okta's own principal, no address: it has no dot, and goes nowhere.
SYSTEM = re.compile("^system@okta$")


def main():
    document = Document()
    validators, items, strange, refused = {}, {}, 0, 0
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": document.defs}
    error_schema = jsonschema.Draft202012Validator({**schema, "$ref": "#/$defs/Error"})
    for place, line, fixture in fixtures("okta"):
        addresses(line, people=SYSTEM)
        path = urllib.parse.urlsplit(fixture["url"]).path
        if path in UNDESCRIBED:
            continue
        known = template(document.source["paths"], path)
        body = without_nulls(fixture["body_json"])
        if fixture.get("status", 200) != 200:
            refused += 1
            errors = list(error_schema.iter_errors(body))
        else:
            validator = validators.setdefault(known, document.validator(known))
            errors = list(validator.iter_errors(body))
            items[known] = items.get(known, 0) + len(body)
        if fixture.get("note") == STRANGE:
            causes = [cause for error in errors for cause in deepest(error)]
            words = [c for c in causes if c.validator in ("enum", "const")]
            assert words and len(words) == len(causes), f"{place}: {[c.message[:200] for c in causes]}"
            strange += 1
            continue
        for error in errors:
            raise AssertionError(f"{place}: {known}: {error.json_path}: {error.message[:300]}")
    # Validating nothing would prove nothing.
    assert len(items) >= 14 and all(items.values()) and strange >= 4 and refused >= 5, (items, strange, refused)
    broken = [{"id": 7, "status": "AWAKE"}]
    assert len(list(validators["/api/v1/users"].iter_errors(broken))) == 2
    print(f"okta_connector_fixtures: {sum(items.values())} objects of {len(items)} lists and {refused} errors agree with Okta's document")


if __name__ == "__main__":
    run(NAME, main)
