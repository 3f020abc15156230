#!/usr/bin/env bash
# Installs what the tests run beside us. Everything is installed once; the second time nothing is fetched.
#
# Debian packages                  why
#   golang-go, golang-golang-x-mod-dev   Go's own sumdb packages check our log
#   chromium, chromium-driver            a real browser looks at the service's pages
#   faketime                             runs the command on the day that its fixtures are of
#   openssl                              checks signatures, plays the timestamp authority
#   python3-venv                         for the Python packages
# Python packages (in target/test-python)
#   moto[server], boto3                  an AWS that checks SigV4 and policies, and an independent client
#   bagit                                an independent BagIt validator
#   securesystemslib                     an independent DSSE verifier
#   jsonschema                           fixtures against the vendors' specifications
#   schemathesis                         asks our API for everything that its description allows, and more
#   openpyxl                             opens our workbook
#   google-api-python-client             Google's descriptions of its own APIs, and an independent client of them
# npm packages (in target/test-node)
#   @stoplight/prism-cli                 an API served from its specification, whose paging never ends
#   axe-core                             what people who do not see our pages are told
#   jira.js                              models of what Jira's published document leaves out
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"

missing=()
command -v go >/dev/null || missing+=(golang-go)
[ -d /usr/share/gocode/src/golang.org/x/mod/sumdb ] || missing+=(golang-golang-x-mod-dev)
command -v chromium >/dev/null || missing+=(chromium)
command -v chromedriver >/dev/null || missing+=(chromium-driver)
ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || missing+=(faketime)
command -v openssl >/dev/null || missing+=(openssl)
command -v unzip >/dev/null || missing+=(unzip)
command -v strings >/dev/null || missing+=(binutils)
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: installing Debian packages ${missing[*]} (tools that check what we make)"
  sudo=(); [ "$(id -u)" = 0 ] || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
fi

python=$target/test-python
packages=('moto[server]==5.2.5' schemathesis==4.32.5 boto3 bagit 'securesystemslib[crypto]' jsonschema openpyxl 'setuptools<81' google-api-python-client==2.202.0)
stamp=$python/installed
if [ "$(cat "$stamp" 2>/dev/null)" != "${packages[*]}" ]; then
  echo "setup: installing Python packages ${packages[*]} (an AWS to test against, and independent checkers)"
  python3 -m venv "$python"
  "$python/bin/pip" install --quiet "${packages[@]}"
  echo "${packages[*]}" >"$stamp"
fi

node=$target/test-node
npm=('@stoplight/prism-cli@5.16.0' jira.js@6.2.0 axe-core@4.14.1)
if [ "$(cat "$node/installed" 2>/dev/null)" != "${npm[*]}" ]; then
  if command -v npm >/dev/null; then
    echo "setup: installing npm packages ${npm[*]} (APIs served from their specifications, an independent client, a check of pages)"
    mkdir -p "$node"
    npm install --silent --no-fund --no-audit --prefix "$node" "${npm[@]}"
    echo "${npm[*]}" >"$node/installed"
  else
    echo "setup: no npm here; tests with ${npm[*]} are skipped and say so"
  fi
fi
