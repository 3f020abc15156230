"""Google's discovery documents: what an answer of a method may hold, as a schema that refuses everything else.

The documents are not part of the repository. They are looked for in ../shared/apis/specs/google-discovery, and in the
Python package that Google itself publishes them in (google-api-python-client, of which nothing is run). A discovery
document is JSON Schema of an old draft with `$ref` by bare name: <https://developers.google.com/discovery/v1/type-format>.
"""

import importlib.util
import json
import pathlib
import re
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "apis" / "specs" / "google-discovery"


def folder():
    """Where the documents are; None where they are not."""
    if SHARED.is_dir():
        return SHARED
    # Looked for, and never imported: its own dependencies need not be there.
    package = importlib.util.find_spec("googleapiclient")
    places = package.submodule_search_locations if package else []
    found = [pathlib.Path(place) / "discovery_cache" / "documents" for place in places or []]
    return next((place for place in found if place.is_dir()), None)


def schema(node, name):
    """A node as JSON Schema of 2020-12. Objects are closed: a member that Google does not describe is a mistake."""
    if "$ref" in node:
        return {"$ref": f"#/$defs/{node['$ref']}"}
    kind = node.get("type")
    if kind == "object":
        more = node.get("additionalProperties")
        made = {"type": "object", "properties": {key: schema(value, key) for key, value in node.get("properties", {}).items()}}
        made["additionalProperties"] = schema(more, name) if more is not None else False
        return made
    if kind == "array":
        return {"type": "array", "items": schema(node.get("items", {}), name)}
    if kind == "any" or kind is None:
        return {}
    made = {"type": kind}
    # Numbers of 64 bits are texts.
    if node.get("format") in ("int64", "uint64"):
        made["pattern"] = "^-?[0-9]+$"
    if node.get("format") in ("google-datetime", "date-time"):
        made["pattern"] = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"
    if "enum" in node:
        made["enum"] = node["enum"]
    return made


class Document:
    """One API: its methods by path, and validators of their answers."""

    def __init__(self, path, validator):
        source = json.loads(path.read_text())
        self.prefix = urllib.parse.urlsplit(source["rootUrl"] + source.get("servicePath", "")).path
        self.host = urllib.parse.urlsplit(source["rootUrl"]).netloc
        self.defs = {name: schema(node, name) for name, node in source["schemas"].items()}
        self.methods = list(methods(source))
        self.validator = validator

    def method(self, verb, path):
        """The method that answers this path, with the parameters that it takes."""
        for method in self.methods:
            template = self.prefix + (method.get("flatPath") or method["path"])
            pattern = re.sub(r"\\{[^}]*\\}", "[^/:]+", re.escape(template))
            if method["httpMethod"] == verb and re.fullmatch(pattern, urllib.parse.unquote(path)):
                return method
        raise AssertionError(f"{verb} {path}: Google's document has no such method")

    def errors(self, method, body):
        reference = {"$ref": f"#/$defs/{method['response']['$ref']}"}
        return list(self.validator({"$defs": self.defs, **reference}).iter_errors(body))

    def request_errors(self, method, body):
        reference = {"$ref": f"#/$defs/{method['request']['$ref']}"}
        return list(self.validator({"$defs": self.defs, **reference}).iter_errors(body))


def methods(node):
    yield from node.get("methods", {}).values()
    for resource in node.get("resources", {}).values():
        yield from methods(resource)
