#!/usr/bin/env python3
"""The fixtures of the Google Cloud connector's tests, held against Google's own discovery documents.

Every request in plugins/gcp/fixtures is one that a document describes, with parameters and a body that it knows, and every
successful answer fits what the document says of the method's answer, without a member that it does not describe. Audit
log entries, whose payload is of any form, are held against google.cloud.audit.AuditLog's members. Every address of a person
is of a domain that is reserved for examples, every service account's of a project named example-*, every IP address of a
block that is reserved for documentation.

Usage: gcp_connector_fixtures.py. Exit 0 when all hold, 1 with what does not, 77 (skipped) without the documents or
jsonschema.
"""

import re
import urllib.parse

from fixture_rules import addresses, fixtures, jsonschema_or_skip, run, skip
from google_documents import Document, folder

NAME = "gcp_connector_fixtures"
DOCUMENTS = {
    "cloudresourcemanager.googleapis.com": "cloudresourcemanager.v3",
    "serviceusage.googleapis.com": "serviceusage.v1",
    "iam.googleapis.com": "iam.v1",
    "storage.googleapis.com": "storage.v1",
    "logging.googleapis.com": "logging.v2",
    "monitoring.googleapis.com": "monitoring.v3",
    "cloudkms.googleapis.com": "cloudkms.v1",
    "compute.googleapis.com": "compute.v1",
    "sqladmin.googleapis.com": "sqladmin.v1beta4",
    "orgpolicy.googleapis.com": "orgpolicy.v2",
}
# Of every method: <https://cloud.google.com/apis/docs/system-parameters>.
SYSTEM = {"fields"}
# <https://cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog>
AUDIT = {
    "@type", "serviceName", "methodName", "resourceName", "resourceLocation", "resourceOriginalState", "numResponseItems",
    "status", "authenticationInfo", "authorizationInfo", "policyViolationInfo", "requestMetadata", "request", "response",
    "metadata", "serviceData",
}
# A service account's address: of a made-up project, or of Google's own agents for a made-up number.
SERVICE = re.compile(r"^(?:[\w-]+@example-[\w-]+\.iam|service[\w-]*@gcp-sa-[\w-]+\.iam)\.gserviceaccount\.com$|^service@gcp-sa-")
HOSTS = re.compile(r"(^|\.)(googleapis|google)\.com$")

jsonschema = jsonschema_or_skip(NAME)
documents = folder()
if documents is None:
    skip(NAME, "no discovery documents (pip install google-api-python-client)")


def check(fixture, place, known, counts):
    url = urllib.parse.urlsplit(fixture["url"])
    name = DOCUMENTS[url.netloc]
    if name not in known:
        known[name] = Document(documents / f"{name}.json", jsonschema.Draft202012Validator)
    document = known[name]
    assert document.host == url.netloc, f"{place}: {url.netloc} is not {document.host}"
    method = document.method(fixture["method"], url.path)
    unknown = set(urllib.parse.parse_qs(url.query)) - set(method.get("parameters", {})) - SYSTEM
    assert not unknown, f"{place}: {method['id']} has no parameter {unknown}"
    if "request_body" in fixture:
        for error in document.request_errors(method, fixture["request_body"]):
            raise AssertionError(f"{place}: request of {method['id']}: {error.json_path}: {error.message[:300]}")
    for error in document.errors(method, fixture["body_json"]):
        raise AssertionError(f"{place}: {method['id']}: {error.json_path}: {error.message[:300]}")
    for entry in fixture["body_json"].get("entries", []):
        strange = set(entry.get("protoPayload", {})) - AUDIT
        assert not strange, f"{place}: AuditLog has no {strange}"
    counts[method["id"]] = counts.get(method["id"], 0) + 1


def main():
    known, counts = {}, {}
    for place, line, fixture in fixtures("gcp"):
        # 0.0.0.0/0 is everyone.
        addresses(line, HOSTS, SERVICE, {"0.0.0.0"})
        check(fixture, place, known, counts)
    # Validating nothing would prove nothing.
    assert len(counts) >= 25 and len(known) == len(DOCUMENTS), counts
    storage = known["storage.v1"]
    broken = {"items": [{"name": 7, "colour": "red"}]}
    method = storage.method("GET", "/storage/v1/b")
    assert len(storage.errors(method, broken)) == 2, "a wrong type and an unknown member are found"
    print(f"gcp_connector_fixtures: {sum(counts.values())} answers of {len(counts)} methods agree with Google's documents")


if __name__ == "__main__":
    run(NAME, main)
