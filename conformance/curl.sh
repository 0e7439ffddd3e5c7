#!/usr/bin/env bash
# Reads a stream of events with curl, comes back with the last id it saw whenever its connection is lost, and prints the
# data of each message on a line of its own, until the server answers 204.
#
#   bash curl.sh URL
set -euo pipefail

status=$(mktemp)
trap 'rm "$status"' EXIT
# What a line gives to its field, after the colon and the blank that may follow it.
value() {
  local value="${1#*:}"
  printf '%s' "${value# }"
}

last=""
until [ "$(cat "$status")" = 204 ]; do
  event=message data="" id="$last"
  while IFS= read -r line; do
    case "$line" in
      "") # The end of an event: one without it was cut, and does not count.
        last="$id"
        if [ -n "$data" ] && [ "$event" = message ]; then printf '%s\n' "${data%$'\n'}"; fi
        event=message data=""
        ;;
      id:*) id=$(value "$line") ;;
      event:*) event=$(value "$line") ;;
      data:*) data+="$(value "$line")"$'\n' ;;
    esac
  done < <(curl --silent --no-buffer ${last:+--header "last-event-id: $last"} \
    --write-out '%{stderr}%{http_code}' "$1" 2>"$status" || true)
done
