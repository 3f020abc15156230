#!/usr/bin/env bash
# Everything that tools which are not ours can say of what we make: logs, packages, fixtures, fakes.
# Needs what `make build` builds. A check whose material or tool is absent is skipped, named and counted; it never counts as passed.
# Exit code: 0 all that ran hold, 1 one does not.
set -uo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-$PWD/target}
serve=$target/debug/examples/serve
export PYTHON=$target/test-python/bin/python
[ -x "$PYTHON" ] || PYTHON=python3

passed=0 failed=0 skipped=0
run() {
  local name=$1 code
  shift
  echo "== $name"
  "$@"
  code=$?
  case $code in
    0) passed=$((passed + 1)) ;;
    77) skipped=$((skipped + 1)); echo "skipped: $name" ;;
    *) failed=$((failed + 1)); echo "FAILED: $name (exit code $code)" ;;
  esac
}

with_node() {
  command -v node >/dev/null || { echo "SKIPPED $1: no node here"; return 77; }
  node "$@"
}

run "the ledger, by Go, openssl, Python and securesystemslib" sh tests/foreign/run.sh
run "the package, by sha256sum, bagit, openpyxl, Python and openssl" sh tests/foreign/bagit.sh
run "the fake Okta, by Okta's own OpenAPI document" "$PYTHON" tests/foreign/okta_fixtures.py "$serve"
run "the Okta connector's fixtures, by Okta's own OpenAPI document" "$PYTHON" tests/foreign/okta_connector_fixtures.py
run "the GitHub connector's fixtures, by GitHub's own OpenAPI document" "$PYTHON" tests/foreign/github_connector_fixtures.py
run "the Google Cloud connector's fixtures, by Google's discovery documents" "$PYTHON" tests/foreign/gcp_connector_fixtures.py
run "the Google Workspace connector's fixtures, by Google's discovery documents" "$PYTHON" tests/foreign/google_workspace_connector_fixtures.py
run "the Azure connector's fixtures, by Microsoft's own OpenAPI documents" "$PYTHON" tests/foreign/azure_connector_fixtures.py
run "the Azure connector's records, member by member, by Python" "$PYTHON" tests/foreign/azure_connector_records.py
run "the Jira connector's fixtures, by Jira's own OpenAPI document" "$PYTHON" tests/foreign/jira_connector_fixtures.py
run "what Jira's document leaves out of these, by the models of jira.js" with_node tests/foreign/jira_client_models.mjs "$target/test-node/node_modules"
run "the Pulumi connector's fixtures, by Pulumi Cloud's own OpenAPI document" "$PYTHON" tests/foreign/pulumi_connector_fixtures.py
run "the fake AWS, by boto3" "$PYTHON" tests/foreign/aws_fake_boto3.py "$serve"
run "the fake Google Cloud, by Google's own client and discovery documents" "$PYTHON" tests/foreign/gcp_fake.py "$serve"
run "the fake Azure, by Microsoft's own OpenAPI documents" "$PYTHON" tests/foreign/azure_fake.py "$serve"
run "the fake GitHub, by GitHub's own OpenAPI document" "$PYTHON" tests/foreign/github_fake.py "$serve"
run "the fake Google Workspace, by Google's discovery documents" "$PYTHON" tests/foreign/google_workspace_fake.py "$serve"
run "the fake Jira, by Jira's own OpenAPI document" "$PYTHON" tests/foreign/jira_fake.py "$serve"
run "the fake Pulumi Cloud, by Pulumi Cloud's own OpenAPI document" "$PYTHON" tests/foreign/pulumi_fake.py "$serve"

echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
