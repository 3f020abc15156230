#!/bin/sh
# Has tools that are not ours check a package: each must accept it as it is, and reject it with one thing altered.
#
#   bagit.sh                  writes the made-up package of the tests, and checks that
#   bagit.sh PACKAGE.zip      checks this package
#
# Needs what `make build` builds, in CARGO_TARGET_DIR; sha256sum and openssl 3; Python 3 with bagit and openpyxl (pip: bagit
# openpyxl setuptools). PYTHON names another interpreter.
# Exit code: 0 all hold, 1 one does not, 2 a tool is missing.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"

[ -x "$programs/examples/sample" ] || missing "$programs/examples/sample" "make build"
command -v sha256sum >/dev/null || missing sha256sum "coreutils"
command -v openssl >/dev/null || missing openssl "apt install openssl"
"$python" -c 'import bagit, openpyxl' 2>/dev/null || missing "bagit, openpyxl" "pip install bagit openpyxl setuptools"

sums() {
    (cd "$1" && sha256sum -c --strict --quiet tagmanifest-sha256.txt && sha256sum -c --strict --quiet manifest-sha256.txt)
}
bag() {
    "$python" -m bagit --validate "$1"
}
recomputed() {
    "$python" "$here/package_check.py" "$1"
}
# unpack: a fresh folder $bag
unpack() {
    rm -rf "$work/bag"
    "$python" -m zipfile -e "$package" "$work/bag" || exit 2
    bag=$(echo "$work"/bag/*)
}
# first GLOB: the first file below the bag's data that fits
first() {
    find "$bag/data" -path "$1" -type f -size +0 | LC_ALL=C sort | head -n 1
}
# alter FILE: changes one byte in the middle
alter() {
    "$python" -c 'import sys; p = sys.argv[1]; b = bytearray(open(p, "rb").read()); b[len(b) // 2] ^= 1; open(p, "wb").write(b)' "$1"
}

package=${1:-$work/sample.zip}
[ $# -gt 0 ] || "$programs/examples/sample" "$package" || exit 2
unpack
accepts "the package: sha256sum" sums "$bag"
accepts "the package: bagit" bag "$bag"
accepts "the package: recomputed in Python" recomputed "$bag"

# Damage that nobody tried to hide.
for one in '*/records.jsonl' '*/manifest.json' '*/bodies/*' '*/populations.xlsx' '*/checkpoint'; do
    unpack
    alter "$(first "$one")"
    rejects "one byte of $one changed: sha256sum" sums "$bag"
    rejects "one byte of $one changed: bagit" bag "$bag"
done
unpack
rm "$(first '*/walks.jsonl')"
rejects "a file removed: sha256sum" sums "$bag"
rejects "a file removed: bagit" bag "$bag"
unpack
echo new >"$bag/data/new.txt"
rejects "a file added: bagit" bag "$bag"

# Changes by someone who made the bag anew afterwards: only the log and the roots tell.
for one in '*/records.jsonl' '*/index.jsonl' '*/manifest.json' '*/exchanges.jsonl' '*/provenance/*' '*/leaf-hashes'; do
    unpack
    alter "$(first "$one")"
    rejects "one byte of $one changed and hidden: recomputed in Python" recomputed "$bag"
done

# A package whose checkpoint an outside authority has stamped: openssl's word, and the checker's.
stamped() {
    (cd "$bag/data/ledger" && openssl ts -verify -data stamped-checkpoint -in timestamp.tsr -CAfile "$1")
}
checker() {
    "$programs/exhibit-verify" "$work/stamped.zip" --timestamp-ca "$1" >"$work/report" 2>&1
    code=$?
    grep -E "timestamp|expected|found|error" "$work/report"
    return $code
}
if [ $# -eq 0 ]; then
    unpack
    "$here/tsa.sh" new "$work/tsa"
    "$here/tsa.sh" new "$work/other"
    openssl ts -query -data "$bag/data/ledger/checkpoint" -sha256 -cert -out "$work/query.tsq" 2>/dev/null
    "$here/tsa.sh" reply "$work/tsa" "$work/query.tsq" "$work/reply.tsr"
    period=$(sed -n 's/^Audit-Period: //p' "$bag/bag-info.txt")
    cp "$bag/data/ledger/checkpoint" "$work/checkpoint"
    "$programs/examples/sample" "$work/stamped.zip" "$period" 5 "$work/checkpoint" "$work/reply.tsr" || exit 2
    package=$work/stamped.zip
    unpack
    accepts "the timestamp: openssl ts" stamped "$work/tsa/ca.pem"
    accepts "the timestamp: exhibit-verify" checker "$work/tsa/ca.pem"
    rejects "the timestamp by another authority: openssl ts" stamped "$work/other/ca.pem"
    rejects "the timestamp by another authority: exhibit-verify" checker "$work/other/ca.pem"
fi

summary
