"""Recomputes a package from its evidence with nothing of Exhibit: Python's own hashlib and json, and openpyxl.

    package_check.py FOLDER        the unpacked package

Checks that every record's line has the digest and the canonical form it should, that the lines give the Merkle root of
every run (RFC 6962), that each manifest is the subject of its statement, that each statement is a leaf of the log and
the leaves give the checkpoint's root, that the exchanges and provenance give the manifest's roots, that the bodies are
there, and that the workbook opens, says what the CSV says and holds no formula.
Exit code: 0 all of it holds, 1 something does not.
"""

import base64
import csv
import hashlib
import json
import sys
from pathlib import Path

import openpyxl


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf(data):
    return sha256(b"\x00" + data)


def root(hashes):
    """RFC 6962 section 2.1: split at the largest power of two below the number of leaves."""
    if not hashes:
        return sha256(b"")
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + root(hashes[:split]) + root(hashes[split:]))


def lines(path):
    data = path.read_bytes()
    assert not data or data.endswith(b"\n"), f"{path} is cut"
    return data.split(b"\n")[:-1]


def canonical(line, path):
    value = json.loads(line)
    again = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert again == line, f"{path}: not canonical: {line[:120]!r}"
    return value


def check_log(data):
    text = (data / "ledger/checkpoint").read_text().split("\n")
    hashes = (data / "ledger/leaf-hashes").read_bytes()
    leaves = [hashes[i : i + 32] for i in range(0, len(hashes), 32)]
    assert len(leaves) == int(text[1]), "leaf-hashes has another number of leaves than the checkpoint"
    assert root(leaves) == base64.b64decode(text[2]), "leaf-hashes has another root than the checkpoint"
    return leaves


def check_run(folder, data, leaves):
    manifest_bytes = (folder / "manifest.json").read_bytes()
    manifest = canonical(manifest_bytes, folder / "manifest.json")
    envelope = (folder / "statement.dsse.json").read_bytes()
    assert leaf(envelope) in leaves, f"{folder.name} is no leaf of the log"
    statement = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    subject = statement["subject"][0]["digest"]["sha256"]
    assert subject == sha256(manifest_bytes).hex(), f"{folder.name}: the manifest is not its statement's subject"
    exchanges = lines(folder / "exchanges.jsonl")
    assert root([leaf(line) for line in exchanges]).hex() == manifest["exchanges"]["root"], f"{folder.name}: exchanges"
    for name, file in [("walks", "walks.jsonl"), ("rejections", "rejections.jsonl"), ("log", "log.jsonl"), ("replay", "replay.json")]:
        assert sha256((folder / file).read_bytes()).hex() == manifest[name], f"{folder.name}: {file}"
    for dataset in manifest["datasets"]:
        provenance = lines(folder / "provenance" / f"{dataset['kind']}.jsonl")
        assert root([leaf(line) for line in provenance]).hex() == dataset["provenance"], f"{folder.name}: provenance"
    component = manifest["connector"]["component"]
    assert sha256((data / "components" / f"{component}.wasm").read_bytes()).hex() == component
    return manifest


def check_population(folder, manifests):
    runs = json.loads((folder / "runs.json").read_text())["runs"]
    trees = [[] for _ in runs]
    records, index = lines(folder / "records.jsonl"), lines(folder / "index.jsonl")
    assert len(records) == len(index), f"{folder}: index and records differ in length"
    for line, entry in zip(records, index):
        canonical(line, folder)
        entry = canonical(entry, folder)
        assert sha256(line).hex() == entry["sha256"], f"{folder}: {entry['key']}"
        for first, last in entry["held"]:
            for run in range(first, last + 1):
                salt = bytes.fromhex(entry["salts"][runs[run]["bucket"]])
                trees[run].append(leaf(salt + sha256(line)))
    kind = folder.name
    for run, tree in zip(runs, trees):
        dataset = next(d for d in manifests[run["run"]]["datasets"] if d["kind"] == kind)
        assert root(tree).hex() == dataset["root"], f"{folder}: run {run['run']}"
    return len(records)


def check_workbook(data):
    book = openpyxl.load_workbook(data / "populations.xlsx", read_only=True)
    rows = {}
    for sheet in book.worksheets:
        rows[sheet.title] = 0
        for row in sheet.iter_rows():
            rows[sheet.title] += 1
            assert all(cell.data_type != "f" for cell in row), f"{sheet.title} holds a formula"
    tables = sum(len(list(csv.reader(path.open(encoding="utf-8-sig", newline="")))) for path in data.glob("populations/*/*/population.csv"))
    sheets = sum(count for title, count in rows.items() if title not in ("Summary", "Coverage", "How lists were made"))
    assert sheets == tables, f"the workbook has {sheets} rows of populations, the tables {tables}"
    coverage = len(list(csv.reader((data / "coverage.csv").open(encoding="utf-8-sig", newline=""))))
    assert rows["Coverage"] == coverage, f"the workbook has {rows['Coverage']} rows of coverage, the table {coverage}"
    for path in data.glob("**/*.csv"):
        for row in csv.reader(path.open(encoding="utf-8-sig", newline="")):
            for cell in row:
                harmless = cell[:1] not in ("=", "+", "-", "@", "\t", "\r") or cell.lstrip("-").isdigit()
                assert harmless, f"{path}: a spreadsheet would run {cell[:40]!r}"
    return rows


def main():
    data = Path(sys.argv[1]) / "data"
    try:
        leaves = check_log(data)
        members = set(leaves)
        manifests = {}
        for folder in sorted((data / "runs").iterdir()):
            if folder.is_dir():
                manifests[folder.name] = check_run(folder, data, members)
        records = sum(check_population(folder, manifests) for folder in sorted(data.glob("populations/*/*")) if folder.is_dir())
        for body in data.glob("bodies/*/*"):
            assert sha256(body.read_bytes()).hex() == body.name, f"{body} is not its name"
        rows = check_workbook(data)
    except (AssertionError, KeyError, ValueError, OSError) as error:
        print(f"{type(error).__name__}: {error}")
        return 1
    print(f"{len(leaves)} leaves, {len(manifests)} runs, {records} lines, {sum(rows.values())} rows in {len(rows)} sheets")
    return 0


sys.exit(main())
