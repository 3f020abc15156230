#!/usr/bin/env python3
"""The records of the Azure connector's fixtures, member by member against the answers that they were made from: policies,
backups, alerts, Defender, diagnostic settings, machines and disks, network rules, the activity log.

What a record must say is worked out here from the raw JSON, with nothing of Exhibit's: tests/real/azure_expected.py.

Usage: azure_connector_records.py. Exit 0 when all fit, 1 with what does not.
"""

import json
import sys

from fixture_rules import ROOT

sys.path.insert(0, str(ROOT / "tests" / "real"))
from azure_expected import compare, expected  # noqa: E402

FOLDER = ROOT / "plugins" / "azure" / "fixtures"
# The fixtures' window ends here, and an event at its end is the next one's.
END = "2026-03-04T10:00:00.000Z"


def main():
    answers = []
    for file in sorted(FOLDER.glob("arm-*.jsonl")):
        if not file.name.endswith(".records.jsonl"):
            lines = [json.loads(line) for line in file.read_text().splitlines()]
            answers += [
                (one["method"], one["url"].split("azure.com", 1)[1], one.get("status", 200), one["body_json"]) for one in lines
            ]
    said = expected(answers)
    for kind in ("audit.activity@1", "identity.access_change@1"):
        said[kind] = {key: one for key, one in said[kind].items() if one["occurred_at"] < END}
    records = [json.loads(line) for line in (FOLDER / "arm-whole.records.jsonl").read_text().splitlines()]
    wrong, fits = compare(said, records)
    assert not wrong, "\n".join(wrong)
    # Comparing nothing would prove nothing.
    assert len(fits) >= 9 and sum(fits.values()) >= 45, fits
    broken = [{**one, "attributes": {**one["attributes"], "status": "x", "enabled": "x", "result": "x"}} for one in records]
    assert len(compare(said, broken)[0]) >= 30, "what is altered is found"
    assert compare(said, records[1:])[0] or compare(said, records[:-1])[0], "what is missing is found"
    print(f"azure_connector_records: {sum(fits.values())} records of {len(fits)} kinds say what Azure's answers say")


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        print(f"azure_connector_records: {error}", file=sys.stderr)
        sys.exit(1)
