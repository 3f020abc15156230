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

import json
import pathlib
import re
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "plugins" / "okta" / "fixtures"
DOCUMENT = ROOT.parent / "shared" / "apis" / "specs" / "okta-evidence-openapi.json"
STRANGE = "words that Okta's document does not have"

try:
    import jsonschema
except ImportError:
    print("SKIPPED okta_connector_fixtures: jsonschema is not installed (pip install jsonschema)")
    sys.exit(77)
if not DOCUMENT.exists():
    print("SKIPPED okta_connector_fixtures: ../shared/apis/specs/okta-evidence-openapi.json is not here")
    sys.exit(77)

from okta_fixtures import Document, without_nulls  # noqa: E402

# What the document does not describe: the page that needs no credential.
UNDESCRIBED = {"/.well-known/okta-organization"}
RESERVED = re.compile(r"(^|\.)(example(\.(com|net|org))?|test|invalid|localhost)$")
EXAMPLE_IP = re.compile(r"^(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+$")


def template(paths, path):
    """The document's path that this one is an instance of."""
    for candidate in paths:
        parts, given = candidate.split("/"), path.split("/")
        if len(parts) == len(given) and all(p.startswith("{") or p == g for p, g in zip(parts, given)):
            return candidate
    raise AssertionError(f"{path}: Okta's document has no such path")


def deepest(error):
    """The innermost causes of an error, through the branches of conditions."""
    if not error.context:
        return [error]
    return [cause for inner in error.context for cause in deepest(inner)]


def addresses(line):
    for host in re.findall(r"https?://([^/\"?:>]+)", line):
        assert RESERVED.search(host), f"{host} is not reserved for examples"
    for name, host in re.findall(r"([\w.+-]+)@([\w.-]+)", line):
        # Okta's own principal, no address: it has no dot, and goes nowhere.
        assert RESERVED.search(host.lower()) or f"{name}@{host}" == "system@okta", f"{name}@{host}"
    for ip in re.findall(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", line):
        assert EXAMPLE_IP.match(ip), f"{ip} is not reserved for documentation"


def main():
    document = Document()
    validators, items, strange, refused = {}, {}, 0, 0
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": document.defs}
    error_schema = jsonschema.Draft202012Validator({**schema, "$ref": "#/$defs/Error"})
    for file in sorted(FIXTURES.glob("*.jsonl")):
        # Snapshots of records are not bodies of Okta's.
        if file.name.endswith(".records.jsonl"):
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            place = f"{file.name}:{number}"
            fixture = json.loads(line)
            addresses(line)
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
    try:
        main()
    except AssertionError as error:
        print(f"okta_connector_fixtures: {error}", file=sys.stderr)
        sys.exit(1)
