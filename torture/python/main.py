"""Puts the Python handler to the torture: starts it, and Tertulia's server with it, both in the group that is killed.

`tertulia torture -- python3 torture/python/main.py target/release/tertulia`
"""

import os, subprocess, sys
from pathlib import Path

handler = Path(__file__).parents[2] / "examples/handlers/handler.py"
started = subprocess.Popen([sys.executable, handler], env={**os.environ, "PORT": "0"}, stdout=subprocess.PIPE, text=True)
url = started.stdout.readline().strip()
os.environ["TELEGRAM_RATE"] = "off"  # the fake server has no limits
storage = "sqlite:" + os.path.join(os.environ["TORTURE_DIR"], "tertulia.db")
os.execv(sys.argv[1], [sys.argv[1], "serve", "--handler", url, "--listen", "127.0.0.1:0", "--storage", storage])
