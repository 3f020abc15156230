#!/bin/sh
# Makes the replies in this folder anew, with openssl, for the request.tsq that is here. Run it in this folder.
# The authorities' private keys are thrown away with the work folder.
set -eu
tsa=../../../../tests/foreign/tsa.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for key in rsa:3072 P-256 P-384; do
    name=$(echo "${key%%:*}" | tr -d - | tr A-Z a-z)
    "$tsa" new "$work/$name" "$key"
    cp "$work/$name/ca.pem" "$name-ca.pem"
done
"$tsa" reply "$work/rsa" request.tsq rsa.tsr
"$tsa" reply "$work/rsa" request.tsq rsa-sha512-ess1.tsr signer_digest=sha512 ess_cert_id_alg=sha1
"$tsa" reply "$work/rsa" request.tsq rsa-millis.tsr clock_precision_digits=3
"$tsa" reply "$work/p256" request.tsq p256.tsr
"$tsa" reply "$work/p384" request.tsq p384.tsr signer_digest=sha384

# Refused: the authority takes no SHA-256.
"$tsa" reply "$work/rsa" request.tsq refused.tsr digests=sha512

# No certificate in the reply: the request did not ask for it.
printf 'evidence.example.com/ledger\n300\nthe bytes of a checkpoint\n' >"$work/content"
openssl ts -query -data "$work/content" -sha256 -no_nonce -out "$work/plain.tsq" 2>/dev/null
"$tsa" reply "$work/rsa" "$work/plain.tsq" no-certificate.tsr

# A certificate for more than time stamping. `openssl ts` will not sign with it, `openssl cms` will.
sed 's/timeStamping/timeStamping,codeSigning/' "$work/rsa/tsa.ext" >"$work/purpose.ext"
openssl x509 -req -in "$work/rsa/tsa.csr" -CA "$work/rsa/ca.pem" -CAkey "$work/rsa/ca.key" -CAcreateserial \
    -sha256 -days 36500 -extfile "$work/purpose.ext" -out "$work/purpose.pem" 2>/dev/null
openssl ts -reply -in rsa.tsr -token_out -out "$work/token.der" 2>/dev/null
openssl cms -verify -noverify -inform DER -in "$work/token.der" -out "$work/info.der" 2>/dev/null
openssl cms -sign -cades -binary -nodetach -outform DER -md sha256 -econtent_type 1.2.840.113549.1.9.16.1.4 \
    -in "$work/info.der" -signer "$work/purpose.pem" -inkey "$work/rsa/tsa.key" -out "$work/purpose.p7"
# TimeStampResp ::= SEQUENCE { SEQUENCE { INTEGER 0 }, token }
size=$(($(wc -c <"$work/purpose.p7") + 5))
{
    printf "\\060\\202\\$(printf %03o $((size / 256)))\\$(printf %03o $((size % 256)))\\060\\003\\002\\001\\000"
    cat "$work/purpose.p7"
} >purpose.tsr

# A certificate that had run out when it signed.
printf '%s\n' '[ca]' 'default_ca = this' '[this]' "database = $work/index" "new_certs_dir = $work" \
    "rand_serial = yes" 'default_md = sha256' 'policy = any' '[any]' 'commonName = supplied' \
    'organizationName = optional' >"$work/ca.conf"
: >"$work/index"
openssl ca -batch -notext -config "$work/ca.conf" -in "$work/rsa/tsa.csr" -cert "$work/rsa/ca.pem" \
    -keyfile "$work/rsa/ca.key" -extfile "$work/rsa/tsa.ext" -startdate 20200101000000Z \
    -enddate 20200201000000Z -out "$work/rsa/tsa.pem" 2>/dev/null
"$tsa" reply "$work/rsa" request.tsq expired.tsr
