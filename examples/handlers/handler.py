"""Counts each conversation's messages and echoes them. `python3 handler.py`, then `tertulia --handler <what it prints>`."""

import hashlib, hmac, json, os, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ.get("TERTULIA_HANDLER_SECRET", "").encode()


def is_authentic(headers, body):
    """Whether it was Tertulia that posted this, and within the last five minutes."""
    seconds, signature = headers.get("X-Webhook-Timestamp", ""), headers.get("X-Webhook-Signature", "")
    mac = hmac.new(SECRET, seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(signature.encode(), f"v1={mac}".encode()) and abs(time.time() - int(seconds)) < 300


def answer(post):
    """What to change in the session (a JSON Merge Patch), and what to say."""
    text = post["update"].get("text")
    if text is None:
        return {}
    messages = post["session"].get("messages", 0) + 1
    return {"session": {"messages": messages}, "replies": [{"text": f"{messages} {text}"}]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections
    disable_nagle_algorithm = True  # the body follows the head at once

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        authentic = not SECRET or is_authentic(self.headers, body)
        out = json.dumps(answer(json.loads(body)) if authentic else {"error": "wrong signature"}).encode()
        self.send_response(200 if authentic else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 1024  # as many updates as Tertulia runs at once, and more


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(os.environ.get("PORT", "8700"))), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
