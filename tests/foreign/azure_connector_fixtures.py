#!/usr/bin/env python3
"""The fixtures of the Azure connector's tests, held against Microsoft's own documents.

Of Microsoft Graph, every successful answer in plugins/azure/fixtures/entra-*.jsonl is validated by `jsonschema` (pip install
jsonschema) with the schema that Graph's OpenAPI document gives for its endpoint, and has no member that is not described
there; every request has only parameters that the document knows. What the document, which is of an older day and cut
to some endpoints, lacks is listed here with where Microsoft describes it. Answers of errors have Graph's one form.

Of Azure Resource Manager, every successful answer in arm-*.jsonl is validated with the schema of its endpoint, where the
documents have the endpoint, and every request has only parameters that they know. They are of older versions of each
service than those that are asked for: members that they do not describe may be newer, and pass. Every answer, described or
not, has the one form that lists and errors have. How many have no schema is said.

Every
name of a host is Microsoft's own or reserved for examples, every address of a person of a reserved domain, every IP address
of a block that is reserved for documentation.

The documents are not part of the repository: they are looked for in ../shared/apis.

Usage: azure_connector_fixtures.py. Exit 0 when all hold, 1 with what does not, 77 (skipped) without the documents or
jsonschema.
"""

import json
import re
import urllib.parse

from fixture_rules import SPECS, addresses, convert, deepest, document_or_skip, fixtures, jsonschema_or_skip, run, template

NAME = "azure_connector_fixtures"
# schemas.microsoft.com and schemas.xmlsoap.org are in the names of a token's claims, and nothing is asked there.
HOSTS = re.compile(r"^(graph\.microsoft\.com|management\.azure\.com|schemas\.microsoft\.com|schemas\.xmlsoap\.org)$")
GRAPH = "graph.microsoft.com"
MANAGEMENT = "management.azure.com"
PREFIX = "/v1.0"
# Paths whose items the document describes elsewhere, by the schema of an item.
# learn.microsoft.com/graph/api/: directory-deleteditems-list; rbacapplication-list-roleeligibilityscheduleinstances;
# serviceprincipal-list-approleassignedto; oauth2permissiongrant-list.
ITEMS = {
    "/directory/deletedItems/microsoft.graph.user": "microsoft.graph.user",
    "/roleManagement/directory/roleEligibilityScheduleInstances": "microsoft.graph.unifiedRoleEligibilitySchedule",
    "/servicePrincipals/{id}/appRoleAssignedTo": "microsoft.graph.appRoleAssignment",
    "/oauth2PermissionGrants": "microsoft.graph.oAuth2PermissionGrant",
}
# Held against the vendor's own example: learn.microsoft.com/graph/api/authenticationmethodsroot-list-userregistrationdetails.
REGISTRATIONS = "/reports/authenticationMethods/userRegistrationDetails"
EXAMPLE = SPECS.parent / "recorded" / "azure-docs-examples" / "graph-userRegistrationDetails.json"
# Members that are newer than the document: learn.microsoft.com/graph/api/resources/, the page of this name.
NEWER = {
    "signInActivity",  # user
    "authenticationStrength",  # conditionalAccessGrantControls
    "frequencyInterval", "authenticationType",  # signInFrequencySessionControl
    "startDateTime", "endDateTime", "roleEligibilityScheduleId",  # unifiedRoleEligibilityScheduleInstance
}  # fmt: skip
# An answer that has another form since the document's version:
# learn.microsoft.com/rest/api/defenderforcloud-composite/security-contacts/list.
REMADE = "/Microsoft.Security/securityContacts"
PARAMETERS = {"$select", "$filter", "$top", "$expand", "$skiptoken"}

jsonschema = jsonschema_or_skip(NAME)
document = document_or_skip(NAME, "msgraph-evidence-openapi.json")
definitions = document["components"]["schemas"]


def unions(schema):
    """A nullable reference is written `anyOf: [the schema, object, nullable]`, which any object fits: the reference alone."""
    if isinstance(schema, list):
        return [unions(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: unions(value) for key, value in schema.items() if key not in ("x-ms-navigationProperty", "pattern")}
    # Graph itself leaves the type out where it is the only one.
    if isinstance(plain.get("required"), list):
        plain["required"] = [name for name in plain["required"] if name != "@odata.type"]
    branches = plain.get("anyOf")
    if branches and len(branches) == 2 and "$ref" in branches[0] and branches[1].get("type") == "object":
        return {"anyOf": [branches[0], {"type": "null"}]}
    return plain


PLAIN = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": convert(unions(definitions))}


def members(name):
    """The members of a schema and of what it is made from."""
    found = {}
    for part in definitions[name].get("allOf", [definitions[name]]):
        if "$ref" in part:
            found.update(members(part["$ref"].rsplit("/", 1)[1]))
        found.update(part.get("properties", {}))
    return found


def named(schema):
    """The schema that a member refers to, and whether it is a list of them."""
    for candidate in [schema, *schema.get("anyOf", []), schema.get("items", {}), *schema.get("items", {}).get("anyOf", [])]:
        if "$ref" in candidate:
            return candidate["$ref"].rsplit("/", 1)[1]
    return None


def strangers(value, name, place):
    """Members that the document does not describe."""
    if isinstance(value, list):
        return [s for i, item in enumerate(value) for s in strangers(item, name, f"{place}/{i}")]
    if not isinstance(value, dict) or "enum" in definitions[name]:
        return []
    # An object says of itself what it is, where the document says no more than that it is one of the directory.
    own = value.get("@odata.type", "").lstrip("#")
    known, found = members(own if own in definitions else name), []
    for key, inner in value.items():
        if key.startswith("@odata.") or key in NEWER:
            continue
        if key not in known:
            found.append(f"{place}/{key}")
        elif named(known[key]):
            found += strangers(inner, named(known[key]), f"{place}/{key}")
    return found


def item_schema(path):
    """The schema of an answer's items, and of the answer itself where it is one item."""
    if path in ITEMS:
        return ITEMS[path], True
    known = template(document["paths"], path)
    for candidate, schema in ITEMS.items():
        if known == candidate:
            return schema, True
    answer = document["paths"][known]["get"]["responses"]["2XX"]
    if "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
    collection = answer["content"]["application/json"]["schema"]
    if "$ref" in collection and not collection["$ref"].endswith("CollectionResponse"):
        return collection["$ref"].rsplit("/", 1)[1], False
    if "$ref" in collection:
        collection = definitions[collection["$ref"].rsplit("/", 1)[1]]
    for part in collection.get("allOf", [collection]):
        if "value" in part.get("properties", {}):
            return named(part["properties"]["value"]), True
    raise AssertionError(f"{path}: no list in the document's answer")


def check(place, path, body, counts):
    name, is_list = item_schema(path)
    validator = jsonschema.Draft202012Validator({**PLAIN, "$ref": f"#/$defs/{name}"})
    for item in body["value"] if is_list else [body]:
        item = {key: value for key, value in item.items() if not key.startswith("@odata.context")}
        for error in validator.iter_errors(item):
            raise AssertionError(f"{place}: {name}: {error.json_path}: {error.message[:300]}")
        found = strangers(item, name, "")
        assert not found, f"{place}: {name} has no {found}"
        counts[name] = counts.get(name, 0) + 1


def management_documents():
    """Those of Azure Resource Manager; None where they are not here."""
    folder = SPECS / "azure-arm"
    documents = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]
    plain = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return [(d, {**plain, "$defs": convert(loose(d.get("components", {}).get("schemas", {})))}) for d in documents] or None


def loose(schema):
    """Without what answers need not keep to: the words of an enumeration that is left open for newer ones."""
    if isinstance(schema, list):
        return [loose(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    # The last page has no next one, though some documents require it.
    if isinstance(schema.get("required"), list):
        schema = {**schema, "required": [name for name in schema["required"] if name != "nextLink"]}
    is_open = schema.get("x-ms-enum", {}).get("modelAsString") if isinstance(schema.get("x-ms-enum"), dict) else False
    return {key: loose(value) for key, value in schema.items() if not (key == "enum" and is_open) and not key.startswith("x-ms-")}


def present(value):
    """Without what is null: Azure writes so what there is not, and these documents cannot say it."""
    if isinstance(value, list):
        return [present(item) for item in value]
    if isinstance(value, dict):
        return {key: present(inner) for key, inner in value.items() if inner is not None}
    return value


def described(documents, method, path):
    """The operation that a path is an instance of, its document, and that one's schemas; nothing where no document has it."""
    given = path.lower().split("/")
    for document, schemas in documents:
        for candidate, operations in document["paths"].items():
            parts = candidate.rstrip("/").lower().split("/")
            fits = len(parts) == len(given) and all(p == g or p.startswith("{") for p, g in zip(parts, given))
            # `/{scope}/...` fits anything.
            if fits and method in operations and not candidate.startswith("/{") and not candidate.endswith(REMADE):
                return candidate, operations[method], document, schemas
    return None


def check_management(documents, place, fixture, counts):
    """One exchange with Azure Resource Manager. Returns whether a document has its endpoint."""
    url, method, body = urllib.parse.urlsplit(fixture["url"]), fixture["method"].lower(), fixture["body_json"]
    asked = urllib.parse.parse_qs(url.query)
    assert len(asked.get("api-version", [])) == 1, f"{place}: api-version"
    if fixture.get("status", 200) != 200:
        # Some services leave the envelope out.
        error = body.get("error", body)
        assert {"code", "message"} <= set(error), f"{place}: no error of Azure's form"
        return False
    items = body.get("value", [body])
    assert isinstance(items, list) and all(isinstance(item, dict) for item in items), f"{place}: no list"
    found = described(documents, method, url.path)
    if not found:
        return False
    name, operation, document, schemas = found
    parameters = document.get("components", {}).get("parameters", {})
    known = [parameters[p["$ref"].rsplit("/", 1)[1]] if "$ref" in p else p for p in operation.get("parameters", [])]
    unknown = set(asked) - {p["name"] for p in known} - {"api-version", "$skiptoken"}
    assert not unknown, f"{place}: {name} has no parameter {unknown}"
    schema = convert(operation["responses"]["200"]["content"]["application/json"]["schema"])
    for error in jsonschema.Draft202012Validator({**schemas, **schema}).iter_errors(present(body)):
        inner = deepest(error)[0]
        raise AssertionError(f"{place}: {name}: {inner.json_path}: {inner.message[:300]}")
    counts[name] = counts.get(name, 0) + 1
    return True


class Answers:
    """Exchanges held against the documents: objects of Graph by kind, answers of Azure Resource Manager by endpoint."""

    def __init__(self):
        self.management, self.endpoints, self.undescribed = management_documents(), {}, 0
        self.counts, self.refused, self.registered = {}, 0, 0
        self.example = json.loads(EXAMPLE.read_text())["value"][0] if EXAMPLE.exists() else None
        document["paths"]["/servicePrincipals/{id}/appRoleAssignedTo"] = {}

    def check(self, place, exchange):
        url = urllib.parse.urlsplit(exchange["url"])
        if url.netloc == MANAGEMENT:
            if self.management and not check_management(self.management, place, exchange, self.endpoints):
                self.undescribed += 1
            return
        assert url.netloc == GRAPH, place
        assert url.path.startswith(PREFIX), place
        path, body = url.path[len(PREFIX) :], exchange["body_json"]
        asked = set(urllib.parse.parse_qs(url.query))
        assert asked <= PARAMETERS, f"{place}: {asked - PARAMETERS}"
        if exchange.get("status", 200) != 200:
            self.refused += 1
            assert set(body) == {"error"} and {"code", "message"} <= set(body["error"]), place
        elif path == REGISTRATIONS:
            example = self.example
            for item in body["value"]:
                self.registered += 1
                assert example is None or {k: type(v) for k, v in item.items()} == {k: type(v) for k, v in example.items()}, place
        else:
            check(place, template(document["paths"], path) if path not in ITEMS else path, body, self.counts)


def main():
    answers = Answers()
    for place, line, fixture in fixtures("azure"):
        # 0.0.0.0 is everyone; of a firewall of Azure SQL, every service of Azure, and with 255.255.255.255 every address.
        addresses(line, hosts=HOSTS, everyone={"0.0.0.0", "255.255.255.255"})
        answers.check(place, fixture)
    management, endpoints, undescribed = answers.management, answers.endpoints, answers.undescribed
    counts, refused, registered = answers.counts, answers.refused, answers.registered
    # Validating nothing would prove nothing.
    assert len(counts) >= 11 and refused >= 5 and registered >= 2, (counts, refused, registered)
    for broken in ({"id": 7}, {"id": "x", "colour": "red"}):
        try:
            check("a broken answer", "/users", {"value": [broken]}, {})
        except AssertionError:
            continue
        raise AssertionError(f"{broken} passes")
    if management:
        assert len(endpoints) >= 15, endpoints
        url = f"https://{MANAGEMENT}/subscriptions?api-version=2022-12-01"
        broken = {"method": "GET", "url": url, "body_json": {"value": [{"displayName": 7}]}}
        try:
            check_management(management, "a broken answer", broken, {})
        except AssertionError:
            pass
        else:
            raise AssertionError(f"{broken} passes")
        print(
            f"{NAME}: {sum(endpoints.values())} answers of {len(endpoints)} endpoints agree with Azure Resource Manager's documents,"
            f" which have no schema for {undescribed} others"
        )
    total = sum(counts.values()) + registered
    print(f"{NAME}: {total} objects of {len(counts) + 1} kinds and {refused} errors agree with Microsoft's documents")


if __name__ == "__main__":
    run(NAME, main)
