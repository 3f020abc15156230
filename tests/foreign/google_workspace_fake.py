#!/usr/bin/env python3
"""The demo's fake Google Workspace, held against Google's discovery documents: fake_client.py.

Also: a token for whom it is not, that users, groups, roles and their members fit each other.

Usage: google_workspace_fake.py [path of the `serve` example]; without a path, cargo builds it. Exit 0 when all hold, 1 with the first
that does not, 77 (skipped) without the documents or jsonschema.
"""

import base64
import datetime
import json
import urllib.parse

from google_workspace_connector_fixtures import Answers
from fake_client import main, moved, unique


def hold(fake):
    directory, reports, identity = "admin.googleapis.com", "admin.googleapis.com", "cloudidentity.googleapis.com"
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    file = json.loads(fake.info["google-workspace_key"])
    key = serialization.load_pem_private_key(file["private_key"].encode(), None)
    encode = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")  # noqa: E731

    def token(scope, **changed):
        """RFC 7523, signed by a library of somebody else's."""
        now = int(datetime.datetime.fromisoformat(fake.now.replace("Z", "+00:00")).timestamp())
        claims = {
            "iss": file["client_email"], "sub": fake.info["google-workspace_subject"], "scope": scope,
            "aud": file["token_uri"], "iat": now, "exp": now + 3600, **changed,
        }  # fmt: skip
        signed = encode(b'{"alg":"RS256","typ":"JWT"}') + b"." + encode(json.dumps(claims).encode())
        signature = encode(key.sign(signed, padding.PKCS1v15(), hashes.SHA256()))
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": (signed + b"." + signature).decode()}
        status, _, text = fake.send("POST", "/token", urllib.parse.urlencode(form), {})
        return status, json.loads(text)

    scopes = fake.info["google-workspace_scopes"]
    status, answer = token(" ".join(scopes))
    assert status == 200, answer
    assert token(" ".join(scopes), sub="someone@example.com")[0] == 401, "it acts for nobody else"
    fake.headers = {"authorization": "Bearer " + answer["access_token"]}

    def listed(host, path, place, **query):
        found, page = [], None
        while True:
            body, _ = fake.ask(host, f"/{host}{path}", {**query, **({"pageToken": page} if page else {})})
            found, page = found + body.get(place, []), body.get("nextPageToken")
            if not page:
                return found
            fake.pages += 1

    got, _, text = fake.send("GET", f"/{directory}/admin/directory/v1/users?customer=my_customer", headers={})
    assert got == 401 and json.loads(text)["error"]["status"] == "UNAUTHENTICATED"
    base = "/admin/directory/v1"
    users = unique(listed(directory, f"{base}/users", "users", customer="my_customer"), lambda user: user["id"])
    gone = listed(directory, f"{base}/users", "users", customer="my_customer", showDeleted="true")
    assert len(users) > 200 and gone and not {user["id"] for user in users} & {user["id"] for user in gone}
    for user in users[:40]:
        listed(directory, f"{base}/users/{user['id']}/tokens", "items")
    for group in listed(directory, f"{base}/groups", "groups", customer="my_customer"):
        members = listed(directory, f"{base}/groups/{group['id']}/members", "members")
        assert str(len(members)) == group["directMembersCount"], group
        assert {one["id"] for one in members if one["type"] == "USER"} <= {user["id"] for user in users}
    roles = {role["roleId"] for role in listed(directory, f"{base}/customer/my_customer/roles", "items")}
    held = listed(directory, f"{base}/customer/my_customer/roleassignments", "items")
    assert held and {one["roleId"] for one in held} <= roles
    listed(directory, f"{base}/customer/my_customer/devices/mobile", "mobiledevices")
    listed(directory, f"{base}/customer/my_customer/devices/chromeos", "chromeosdevices")
    for view in ("COMPANY_INVENTORY", "USER_ASSIGNED_DEVICES"):
        listed(identity, "/v1/devices", "devices", customer="customers/my_customer", view=view)
    for application in ("login", "admin"):
        path = f"/admin/reports/v1/activity/users/all/applications/{application}"
        events = listed(reports, path, "items", startTime=moved(fake.now, -24 * 20), endTime=fake.now)
        unique(events, lambda event: json.dumps(event["id"]))
        assert events
    assert fake.pages > 5 and len(fake.answers.counts) >= 10, (fake.pages, fake.answers.counts)
    return sum(fake.answers.counts.values())


if __name__ == "__main__":
    main("google-workspace", Answers(), hold)
