"""The requests of a connector's fixtures, and what a vendor's OpenAPI documents say of such requests.

usage: request_shapes.py CONNECTOR document DOCUMENT...
       request_shapes.py CONNECTOR ask PORT AUTHORIZATION DOCUMENT...

A connector's own tests hold that it sends what is in its fixtures, and nothing else.

`document` prints one OpenAPI document of the operations that the fixtures ask for, as the vendor's say how they are to be asked;
what is answered is left out, so that prism is up in a moment whatever the size. `ask` sends each request to prism at PORT and
prints an object: `operations` and `asked` (how many), `undescribed` (method and path of what no document has), `undocumented`
(query parameters that the operation does not have) and `complaints` (what prism finds wrong with a request). Each is also sent as it
may not be, for prism's silence to mean something: `noticed` is how often prism saw that, `blind` what it took all the same.
"""

import http.client
import json
import pathlib
import sys
from urllib.parse import parse_qsl, urlsplit

ROOT = pathlib.Path(__file__).resolve().parents[2]
METHODS = ("get", "post")


def requests(connector):
    """Method, path, query and body of each request, once."""
    found = {}
    for file in sorted((ROOT / "plugins" / connector / "fixtures").glob("*.jsonl")):
        if file.name.endswith(".records.jsonl"):
            continue
        for line in file.read_text().splitlines():
            fixture = json.loads(line)
            url, body = urlsplit(fixture["url"]), fixture.get("request_body")
            found[fixture["method"], url.path, url.query, json.dumps(body)] = body
    return [(method, path, query, body) for (method, path, query, _), body in found.items()]


class Documents:
    """Several documents as one: what they share a name for is told apart."""

    def __init__(self, files):
        self.paths, self.sources, self.parts = {}, [], {}
        for number, file in enumerate(files):
            source = json.loads(pathlib.Path(file).read_text())
            self.sources.append(source)
            server = urlsplit((source.get("servers") or [{"url": ""}])[0]["url"]).path.rstrip("/")
            for path, operations in source["paths"].items():
                self.paths.setdefault(server + path, (number, operations))

    def find(self, method, path):
        """The path that this one is an instance of, the one with the fewest variables; none: none is."""
        given, fitting = path.split("/"), []
        for candidate, (_, operations) in self.paths.items():
            parts = candidate.split("/")
            if method.lower() in operations and len(parts) == len(given):
                if all(p == g or "{" in p and g for p, g in zip(parts, given)):
                    fitting.append(candidate)
        return min(fitting, key=lambda candidate: candidate.count("{"), default=None)

    def take(self, node, number):
        """A part of a document with all that it refers to."""
        if isinstance(node, list):
            return [self.take(item, number) for item in node]
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            section, name = node["$ref"].removeprefix("#/components/").split("/", 1)
            key = (section, f"d{number}-{name}")
            if key not in self.parts:
                self.parts[key] = {}
                self.parts[key] = self.take(self.sources[number]["components"][section][name], number)
            return {"$ref": f"#/components/{section}/{key[1]}"}
        return {name: self.take(value, number) for name, value in node.items() if name not in ("example", "examples")}

    def parameters(self, path, method):
        """What may stand in the query, by name."""
        number, operations = self.paths[path]
        components = self.sources[number].get("components", {}).get("parameters", {})
        listed = operations.get("parameters", []) + operations[method].get("parameters", [])
        listed = [components[p["$ref"].split("/")[-1]] if "$ref" in p else p for p in listed]
        return {p["name"]: p for p in listed if p["in"] == "query"}

    def document(self, asked):
        paths = {}
        for path, method in sorted(asked):
            number, operations = self.paths[path]
            operation = operations[method]
            source = self.sources[number]
            kept = {name: self.take(operation[name], number) for name in ("parameters", "requestBody") if name in operation}
            security = operation.get("security", source.get("security", []))
            kept["security"] = [{f"d{number}-{name}": scopes for name, scopes in one.items()} for one in security]
            for name in {name for one in security for name in one}:
                scheme = source["components"]["securitySchemes"][name]
                self.parts["securitySchemes", f"d{number}-{name}"] = scheme
            entry = paths.setdefault(path, {"parameters": self.take(operations.get("parameters", []), number)})
            entry[method] = {**kept, "responses": {"200": {"description": "not looked at"}}}
        components = {}
        for (section, name), part in self.parts.items():
            components.setdefault(section, {})[name] = part
        return {"openapi": "3.0.3", "info": {"title": "requests", "version": "1"}, "paths": paths, "components": components}


def complaints(port, authorization, method, path, query, body):
    """What prism finds wrong with a request."""
    prism = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": authorization, "Accept": "*/*"}
    if body is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(body)
    prism.request(method, path + ("?" + query if query else ""), body, headers)
    answer = prism.getresponse()
    said = answer.read().decode()
    violations = json.loads(answer.headers.get("sl-violations") or "[]")
    found = [v["message"] for v in violations if v["location"][0] == "request"]
    return found + ([f"{answer.status}: {said[:300]}"] if answer.status >= 400 else [])


def wrong(known, body):
    """The request as it may not be: a number in the query that is none, an array in the place of an object."""
    for name, parameter in known.items():
        if parameter.get("schema", {}).get("type") == "integer":
            yield f"{name}=x", body
            break
    if isinstance(body, dict):
        yield "", [body]


def main():
    connector, mode, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    documents = Documents(rest if mode == "document" else rest[2:])
    described = [(documents.find(r[0], r[1]), r) for r in requests(connector)]
    asked = {(path, r[0].lower()) for path, r in described if path}
    if mode == "document":
        print(json.dumps(documents.document(asked)))
        return
    port, authorization = int(rest[0]), rest[1]
    told = {"operations": len(asked), "asked": 0, "undescribed": set(), "undocumented": set(), "complaints": [], "noticed": 0, "blind": []}
    for path, (method, target, query, body) in described:
        if path is None:
            told["undescribed"].add(f"{method} {target}")
            continue
        known = documents.parameters(path, method.lower())
        given = dict(parse_qsl(query, keep_blank_values=True))
        told["undocumented"] |= {f"{path} {name}" for name in given if name not in known}
        told["asked"] += 1
        told["complaints"] += [f"{method} {target}?{query}: {c}" for c in complaints(port, authorization, method, target, query, body)]
        for bad_query, bad_body in wrong(known, body):
            if complaints(port, authorization, method, target, bad_query, bad_body):
                told["noticed"] += 1
            else:
                told["blind"].append(f"{method} {target}?{bad_query} {bad_body}")
    for name in ("undescribed", "undocumented"):
        told[name] = sorted(told[name])
    print(json.dumps(told))


main()
