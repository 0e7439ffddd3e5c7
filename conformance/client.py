"""Reads a stream with the Python client of Durable Streams, resuming whenever its connection is lost, and prints each
JSON entry on a line of its own, or each piece of other content in hexadecimal, up to the entry that says `end`: this
client does not tell when a stream is closed.

    python3 client.py URL (sse|long-poll) (json|bytes)
"""

import json
import sys

import httpx
from durable_streams import stream

url, live, kind = sys.argv[1:]
client = httpx.Client(trust_env=False, timeout=30)


def taken(data):
    """Prints what an event brought; tells whether it was the end."""
    if kind == "bytes":
        print(data.hex(), flush=True)
        return data.endswith(b"end")
    for item in data:
        print(json.dumps(item), flush=True)
    return data[-1:] == ["end"]


offset, ended = "-1", False
while not ended:
    try:
        with stream(url, offset=offset, live=live, client=client) as response:
            for event in response.iter_events("json_batches" if kind == "json" else "bytes"):
                ended = taken(event.data)
                offset = event.next_offset
                if ended:
                    break
    except httpx.TransportError:
        pass
