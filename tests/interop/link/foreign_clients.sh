#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Clients that nobody here wrote, against our door: curl, nghttp and h2load. Prints TAP; a tool that is missing fails.
# Usage: foreign_clients.sh ECHO_SERVER
set -u
room=$(mktemp -d)
"$1" > "$room/address" 2> "$room/errors" &
server=$!
trap 'kill "$server" 2> /dev/null; rm -r "$room"' EXIT
tries=0
while [ ! -s "$room/address" ] && [ "$tries" -lt 100 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
address=$(cat "$room/address")
number=0

# story WORDS COMMAND...: the command's success is the story's.
story() {
    words=$1
    shift
    number=$((number + 1))
    if "$@" > "$room/output" 2>&1; then
        echo "ok $number - $words"
    else
        echo "not ok $number - $words"
        head -c 2000 "$room/output" | sed 's/^/# /'
    fi
}

head -c 20000000 /dev/urandom > "$room/large"
printf 'small' > "$room/small"
# A gRPC message: no compression, four bytes of length, 64 bytes.
{ printf '\000\000\000\000\100'; head -c 64 /dev/zero | tr '\000' 'x'; } > "$room/message"

# get OPTION...: curl's answer to /hello is what it should be
get() {
    [ "$(curl -sS --max-time 20 "$@" "http://$address/hello/w%C3%A9ft")" = "hello wéft" ]
}

# echo_back FILE OPTION...: what curl sends comes back
echo_back() {
    file=$1
    shift
    curl -sS --max-time 60 "$@" --data-binary "@$file" -o "$room/back" "http://$address/echo" && cmp "$file" "$room/back"
}

status_is() {
    wanted=$1
    shift
    [ "$(curl -sS --max-time 20 -o /dev/null -w '%{http_code}' "$@")" = "$wanted" ]
}

kept_alive() {
    curl -sS --max-time 20 -v "$@" "http://$address/hello/a" "http://$address/hello/b" -o /dev/null -o /dev/null 2>&1 |
        grep -qi "re-using existing connection"
}

with_nghttp() {
    nghttp --no-verify-peer -v -d "$room/$1" "http://$address/echo" | grep -q ':status: 200'
}

# load OPTION...: every request of h2load succeeds
load() {
    h2load "$@" | grep -q '^requests: 2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored'
}

ends_in_order() {
    kill -TERM "$server" && wait "$server" && [ ! -s "$room/errors" ]
}

echo "1..17"
story "curl gets over HTTP/1.1" get --http1.1
story "curl gets over HTTP/1.0" get --http1.0
story "curl gets over HTTP/2 by prior knowledge" get --http2-prior-knowledge
story "curl offers an upgrade to h2c and is served" get --http2
story "curl keeps its HTTP/1.1 connection" kept_alive --http1.1
story "curl keeps its HTTP/2 connection" kept_alive --http2-prior-knowledge
story "a small body comes back over HTTP/1.1" echo_back "$room/small" --http1.1
story "20 MB come back over HTTP/1.1, with Expect: 100-continue" echo_back "$room/large" --http1.1
story "20 MB come back in chunks" echo_back "$room/large" --http1.1 -H 'transfer-encoding: chunked'
story "20 MB come back over HTTP/2" echo_back "$room/large" --http2-prior-knowledge
story "an unknown path is 404" status_is 404 "http://$address/nowhere"
story "another method is 405" status_is 405 -X PUT "http://$address/echo"
story "nghttp's body comes back" with_nghttp small
story "h2load: HTTP/2, 8 connections of 32 streams" load -n 2000 -c 8 -m 32 "http://$address/hello/h2"
story "h2load: HTTP/1.1" load --h1 -n 2000 -c 8 "http://$address/hello/h1"
story "h2load: gRPC unary calls" load -n 2000 -c 8 -m 32 -d "$room/message" -H 'content-type: application/grpc' \
    -H 'te: trailers' "http://$address/interop.Echo/Unary"
story "the door closes in order" ends_in_order
