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

import json
import pathlib
import re
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "plugins" / "github" / "fixtures"
DOCUMENT = ROOT.parent / "shared" / "apis" / "specs" / "github-evidence-openapi.json"
STRANGE = "words that GitHub's document does not have"

try:
    import jsonschema
except ImportError:
    print("SKIPPED github_connector_fixtures: jsonschema is not installed (pip install jsonschema)")
    sys.exit(77)
if not DOCUMENT.exists():
    print("SKIPPED github_connector_fixtures: ../shared/apis/specs/github-evidence-openapi.json is not here")
    sys.exit(77)

# What this document does not describe: the GraphQL interface, and how a deployment went.
UNDESCRIBED = re.compile(r"^/graphql$|/deployments/\d+/statuses$")
# GitHub's next links name organisations and repositories by number.
NUMBERED = [(re.compile(r"^/organizations/\d+"), "/orgs/{org}"), (re.compile(r"^/repositories/\d+"), "/repos/{owner}/{repo}")]
RESERVED = re.compile(r"(^|\.)(example(\.(com|net|org))?|test|invalid|localhost)$")
GITHUB = {"api.github.com", "github.com", "docs.github.com"}
EXAMPLE_IP = re.compile(r"^(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+$")


def convert(node):
    """OpenAPI 3.0's schemas as JSON Schema's: `nullable` is one more type, examples are no schemas."""
    if isinstance(node, list):
        return [convert(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return {"$ref": node["$ref"].replace("#/components/schemas/", "#/$defs/")}
    plain = {}
    for key, value in node.items():
        if key == "properties":
            plain[key] = {name: convert(field) for name, field in value.items()}
        elif key not in ("example", "examples", "nullable", "format", "discriminator", "xml", "default"):
            plain[key] = convert(value)
    if node.get("nullable"):
        if "enum" in plain and None not in plain["enum"]:
            plain["enum"] = [*plain["enum"], None]
        return {"anyOf": [plain, {"type": "null"}]}
    return plain


def template(paths, path):
    """The document's path that this one is an instance of: the one with the fewest variables."""
    for number, name in NUMBERED:
        path = number.sub(name, path)
    fitting = []
    for candidate in paths:
        parts, given = candidate.split("/"), path.split("/")
        if len(parts) == len(given) and all(p.startswith("{") or p == g for p, g in zip(parts, given)):
            fitting.append(candidate)
    if not fitting:
        raise AssertionError(f"{path}: GitHub's document has no such path")
    return min(fitting, key=lambda candidate: candidate.count("{"))


def deepest(error):
    """The innermost causes of an error; of a choice, those of the branch that comes closest."""
    if not error.context:
        return [error]
    branches = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).extend(deepest(inner))
    return min(branches.values(), key=len)


def addresses(line):
    for host in re.findall(r"(?:https?|git|ssh)://([^/\"?:>]+)", line):
        assert host in GITHUB or RESERVED.search(host), f"{host} is not reserved for examples"
    for name, host in re.findall(r"([\w.+-]+)@([\w.-]+)", line):
        assert RESERVED.search(host.lower()), f"{name}@{host}"
    for ip in re.findall(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", line):
        assert EXAMPLE_IP.match(ip), f"{ip} is not reserved for documentation"


def size(body):
    """Objects in a list, wherever the list stands; 1 of a single object."""
    if isinstance(body, list):
        return len(body)
    lists = [value for value in body.values() if isinstance(value, list)] if "total_count" in body else []
    return len(lists[0]) if lists else 1


def main():
    source = json.loads(DOCUMENT.read_text())
    defs = {name: convert(schema) for name, schema in source["components"]["schemas"].items()}
    responses = source["components"].get("responses", {})

    def validator(path):
        answer = source["paths"][path]["get"]["responses"]["200"]
        answer = responses[answer["$ref"].rsplit("/", 1)[1]] if "$ref" in answer else answer
        schema = convert(answer["content"]["application/json"]["schema"])
        return jsonschema.Draft202012Validator({"$defs": defs, **schema})

    error_schema = jsonschema.Draft202012Validator({"$defs": defs, "$ref": "#/$defs/basic-error"})
    validators, items, strange, refused = {}, {}, 0, 0
    for file in sorted(FIXTURES.glob("*.jsonl")):
        # Snapshots of records are not bodies of GitHub's.
        if file.name.endswith(".records.jsonl"):
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            place = f"{file.name}:{number}"
            fixture = json.loads(line)
            addresses(line)
            path = urllib.parse.unquote(urllib.parse.urlsplit(fixture["url"]).path.replace("%2F", "-"))
            if UNDESCRIBED.search(path):
                continue
            known = template(source["paths"], path)
            status = fixture.get("status", 200)
            if status == 204:
                assert "204" in source["paths"][known]["get"]["responses"], place
                continue
            if status != 200:
                refused += 1
                errors = list(error_schema.iter_errors(fixture["body_json"]))
            else:
                body = fixture["body_json"]
                errors = list(validators.setdefault(known, validator(known)).iter_errors(body))
                items[known] = items.get(known, 0) + size(body)
            if fixture.get("note") == STRANGE:
                causes = [cause for error in errors for cause in deepest(error)]
                assert causes and all(c.validator in ("enum", "const", "type") for c in causes), f"{place}: {[c.message[:200] for c in causes]}"
                strange += 1
                continue
            for error in errors:
                cause = deepest(error)[0]
                raise AssertionError(f"{place}: {known}: {cause.json_path}: {cause.message[:300]}")
    # Validating nothing would prove nothing.
    assert len(items) >= 35 and all(items.values()) and strange >= 4 and refused >= 20, (items, strange, refused)
    broken = [{"id": "seven", "login": 7}]
    assert len(list(validators["/orgs/{org}/members"].iter_errors(broken))) > 2
    print(f"github_connector_fixtures: {sum(items.values())} objects of {len(items)} endpoints and {refused} errors agree with GitHub's document")


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        print(f"github_connector_fixtures: {error}", file=sys.stderr)
        sys.exit(1)
