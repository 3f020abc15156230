"""What every connector's fixtures keep to, and how vendors' OpenAPI documents are read: for the *_connector_fixtures.py.

The vendors' documents are not part of the repository: they are looked for in ../shared/apis/specs.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPECS = ROOT.parent / "shared" / "apis" / "specs"

# RFC 2606, RFC 6761.
RESERVED = re.compile(r"(^|\.)(example(\.(com|net|org))?|test|invalid|localhost)$")
# RFC 5737.
EXAMPLE_IP = re.compile(r"^(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+$")
NONE = re.compile("$^")


def skip(name, why):
    print(f"SKIPPED {name}: {why}")
    sys.exit(77)


def jsonschema_or_skip(name):
    """The package; without it the check is skipped."""
    try:
        import jsonschema
    except ImportError:
        skip(name, "jsonschema is not installed (pip install jsonschema)")
    return jsonschema


def document_or_skip(name, file):
    """A vendor's document as it was published; without it the check is skipped."""
    path = SPECS / file
    if not path.exists():
        skip(name, f"../shared/apis/specs/{file} is not here")
    return json.loads(path.read_text())


def fixtures(connector):
    """Place, line and exchange of every fixture. Snapshots of records are not bodies of the vendor's."""
    for file in sorted((ROOT / "plugins" / connector / "fixtures").glob("*.jsonl")):
        if not file.name.endswith(".records.jsonl"):
            for number, line in enumerate(file.read_text().splitlines(), 1):
                yield f"{file.name}:{number}", line, json.loads(line)


def addresses(line, hosts=NONE, people=NONE, everyone=()):
    """Hosts and people are of domains that are reserved for examples, IP addresses of blocks that are.

    `hosts` and `people` are patterns of the vendor's own, `everyone` are addresses that are nobody's.
    """
    for host in re.findall(r"(?:https?|git|ssh)://([^/\"?:>]+)", line):
        assert hosts.search(host) or RESERVED.search(host), f"{host} is not reserved for examples"
    for name, host in re.findall(r"([\w.+-]+)@([\w.-]+)", line):
        assert RESERVED.search(host.lower()) or people.search(f"{name}@{host}"), f"{name}@{host}"
    for ip in re.findall(r"(?<![\w.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", line):
        assert EXAMPLE_IP.match(ip) or ip in everyone, f"{ip} is not reserved for documentation"


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
    fitting = []
    for candidate in paths:
        parts, given = candidate.split("/"), path.split("/")
        if len(parts) == len(given) and all(p.startswith("{") or p == g for p, g in zip(parts, given)):
            fitting.append(candidate)
    if not fitting:
        raise AssertionError(f"{path}: the vendor's document has no such path")
    return min(fitting, key=lambda candidate: candidate.count("{"))


def deepest(error):
    """The innermost causes of an error; of a choice, those of the branch that comes closest."""
    if not error.context:
        return [error]
    branches = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).extend(deepest(inner))
    return min(branches.values(), key=len)


def run(name, main):
    """Exit code 0 when all hold, 1 with what does not."""
    try:
        main()
    except AssertionError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(1)
