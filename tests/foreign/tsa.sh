#!/bin/sh
# A timestamp authority of openssl, for tests.
#
#   tsa.sh new DIR [KEY]         a CA (DIR/ca.pem) and a TSA below it; KEY is rsa:3072 or P-256, P-384
#   tsa.sh reply DIR QUERY REPLY [CONF...]   answer QUERY (.tsq) into REPLY (.tsr); CONF are lines for openssl's
#                                configuration that replace those below, such as ess_cert_id_alg=sha1
#
# Certificates are valid for a hundred years, so that replies kept as fixtures stay what they are.
set -eu

new() {
    dir=$1 key=${2:-rsa:3072}
    mkdir -p "$dir"
    case $key in
    rsa:*) set -- -newkey "$key" ;;
    *) set -- -newkey ec -pkeyopt "ec_paramgen_curve:$key" ;;
    esac
    openssl req -x509 "$@" -nodes -sha256 -days 36500 -subj "/O=Example/CN=Example timestamp root" \
        -addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign,cRLSign \
        -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
    openssl req "$@" -nodes -subj "/O=Example/CN=Example timestamp authority" \
        -keyout "$dir/tsa.key" -out "$dir/tsa.csr" 2>/dev/null
    printf '%s\n' 'basicConstraints=critical,CA:false' 'keyUsage=critical,digitalSignature' \
        'extendedKeyUsage=critical,timeStamping' 'subjectKeyIdentifier=hash' >"$dir/tsa.ext"
    openssl x509 -req -in "$dir/tsa.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -sha256 \
        -days 36500 -extfile "$dir/tsa.ext" -out "$dir/tsa.pem" 2>/dev/null
    echo 01 >"$dir/serial"
}

reply() {
    dir=$1 query=$2 reply=$3
    shift 3
    {
        echo '[tsa]'
        echo 'default_tsa = this'
        echo '[this]'
        printf '%s\n' "serial = $dir/serial" "signer_cert = $dir/tsa.pem" "signer_key = $dir/tsa.key" \
            "certs = $dir/ca.pem" 'signer_digest = sha256' 'default_policy = 1.3.6.1.4.1.32473.1' \
            'digests = sha256' 'accuracy = secs:1, millisecs:500' 'ess_cert_id_alg = sha256' "$@"
    } >"$dir/tsa.conf"
    openssl ts -reply -config "$dir/tsa.conf" -queryfile "$query" -out "$reply" 2>/dev/null
}

command=$1
shift
"$command" "$@"
