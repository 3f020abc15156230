"""Verifies every entry of a log as a DSSE envelope around an in-toto statement, with securesystemslib.

    python3 verify_envelopes.py DIR
"""
import json, pathlib, sys

from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

folder = pathlib.Path(sys.argv[1])
public = load_pem_public_key((folder / "verifier-key.pem").read_bytes())
count = 0
for bundle in sorted(p for p in (folder / "tile/entries").rglob("*") if p.is_file()):
    rest = bundle.read_bytes()
    while rest:
        length = int.from_bytes(rest[:2], "big")
        entry = json.loads(rest[2 : 2 + length])
        rest = rest[2 + length :]
        key = SSlibKey.from_crypto(public, keyid=entry["signatures"][0]["keyid"])
        envelope = Envelope.from_dict(entry)
        envelope.verify([key], 1)
        assert envelope.payload_type == "application/vnd.in-toto+json"
        statement = json.loads(envelope.payload)
        assert statement["_type"] == "https://in-toto.io/Statement/v1"
        assert all(len(subject["digest"]["sha256"]) == 64 for subject in statement["subject"])
        count += 1
assert count == int((folder / "checkpoint").read_text().split("\n")[1]), "not every entry was seen"
print(f"{count} envelopes")
