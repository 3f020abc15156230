#!/bin/sh
# Has tools that are not ours check a log: each must accept the log as it is, and reject it with one thing altered.
#
#   run.sh                       writes the ledger's sample log, and checks that
#   run.sh DIR                   checks the log in DIR (checkpoint, tile/, verifier-key, verifier-key.pem)
#
# Needs what `make build` builds, in CARGO_TARGET_DIR; openssl 3; Go and golang.org/x/mod in GOPATH form (Debian: golang-go, golang-golang-x-mod-dev); Python 3 with
# securesystemslib and cryptography (pip: securesystemslib[crypto]). PYTHON names another interpreter.
# Exit code: 0 all hold, 1 one does not, 2 a tool is missing.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"

sample_log=$programs/examples/sample_log
[ -x "$sample_log" ] || missing "$sample_log" "make build"
command -v openssl >/dev/null || missing openssl "apt install openssl"
command -v go >/dev/null || missing go "apt install golang-go"
[ -d /usr/share/gocode/src/golang.org/x/mod/sumdb ] || missing golang.org/x/mod "apt install golang-golang-x-mod-dev"
"$python" -c 'import securesystemslib, cryptography' 2>/dev/null ||
    missing securesystemslib "pip install 'securesystemslib[crypto]'"

GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$work/go" go build -o "$work/sumdb" "$here/sumdb/main.go" || exit 2

# The checkpoint's signature, by hand: the text up to the blank line, and the 64 bytes after the key's id. The key
# comes from the verifier key alone: the twelve bytes are the header of an Ed25519 key (RFC 8410).
note_signature() {
    sed '/^$/,$d' "$1/checkpoint" >"$work/text"
    sed -n '/^— /{s/.* //p;q}' "$1/checkpoint" | base64 -d | tail -c +5 >"$work/signature"
    {
        printf '\060\052\060\005\006\003\053\145\160\003\041\000'
        cut -d+ -f3- "$1/verifier-key" | base64 -d | tail -c 32
    } >"$work/public.der"
    openssl pkey -pubin -inform DER -in "$work/public.der" -out "$work/public.pem" &&
        cmp "$work/public.pem" "$1/verifier-key.pem" &&
        openssl pkeyutl -verify -pubin -inkey "$work/public.pem" -rawin -in "$work/text" -sigfile "$work/signature"
}
timestamp() {
    openssl ts -verify -queryfile "$1/checkpoint.tsq" -in "$1/checkpoint.tsr" -CAfile "$1/roots.pem" &&
        openssl ts -verify -data "$1/checkpoint" -in "$1/checkpoint.tsr" -CAfile "$1/roots.pem"
}
# copy NAME: an altered copy to be of the log
copy() {
    cp -r "$log" "$work/$1"
}
# flip FILE TEXT: changes the first byte of the first TEXT in FILE to the next one
flip() {
    "$python" -c 'import sys
path, text = sys.argv[1], sys.argv[2].encode()
data = bytearray(open(path, "rb").read())
at = data.index(text)
data[at] += 1
open(path, "wb").write(data)' "$1" "$2"
}

if [ $# -gt 0 ]; then
    log=$1
else
    log=$work/log
    "$sample_log" write "$log" || exit 1
    "$here/tsa.sh" new "$work/tsa"
    "$here/tsa.sh" reply "$work/tsa" "$log/checkpoint.tsq" "$log/checkpoint.tsr"
    cp "$work/tsa/ca.pem" "$log/roots.pem"
fi
bundle=$(find "$log/tile/entries" -type f | sort | head -n 1)
bundle=${bundle#"$log"/}
tile=$(find "$log/tile/0" -type f | sort | head -n 1)
tile=${tile#"$log"/}

copy leaf && flip "$work/leaf/$bundle" eyJf                          # the base64 of `{"_`: a payload begins
copy tile && printf '\377' | dd of="$work/tile/$tile" conv=notrunc bs=1 seek=40 2>/dev/null
copy head && sed -i '2s/.*/299/' "$work/head/checkpoint"           # the same root and signature for another size
copy short && sed -i '3s/^./+/' "$work/short/checkpoint"           # another root

echo "note and tree, by golang.org/x/mod/sumdb"
accepts "the log" "$work/sumdb" "$log"
rejects "an altered leaf" "$work/sumdb" "$work/leaf"
rejects "an altered tile" "$work/sumdb" "$work/tile"
rejects "another size" "$work/sumdb" "$work/head"
rejects "another root" "$work/sumdb" "$work/short"
if [ -d "$log/proofs" ]; then
    copy proof && sed -i '3s/^./+/' "$work/proof/proofs/137.tlog-proof"
    rejects "an altered inclusion proof" "$work/sumdb" "$work/proof"
    copy consistency && sed -i '1s/^./+/' "$work/consistency/consistency.100"
    rejects "an altered consistency proof" "$work/sumdb" "$work/consistency"
fi

echo "root, by Python's hashlib"
accepts "the log" "$python" "$here/recompute_root.py" "$log"
rejects "an altered leaf" "$python" "$here/recompute_root.py" "$work/leaf"
rejects "another root" "$python" "$here/recompute_root.py" "$work/short"

echo "checkpoint, by openssl pkeyutl"
accepts "the signature" note_signature "$log"
rejects "another size" note_signature "$work/head"

echo "envelopes, by securesystemslib"
accepts "every leaf" "$python" "$here/verify_envelopes.py" "$log"
rejects "an altered leaf" "$python" "$here/verify_envelopes.py" "$work/leaf"

if [ -f "$log/checkpoint.tsr" ]; then
    echo "timestamp, by openssl ts"
    accepts "the reply" timestamp "$log"
    rejects "another checkpoint" timestamp "$work/head"
    copy stamp && flip "$work/stamp/checkpoint.tsr" 'Example timestamp authority'
    rejects "an altered reply" timestamp "$work/stamp"
fi

if [ $# -eq 0 ]; then
    echo "all of it, by our own checker"
    accepts "the log" "$sample_log" check "$log"
    for altered in leaf tile head short proof consistency stamp; do
        rejects "the altered $altered" "$sample_log" check "$work/$altered"
    done
fi
summary
