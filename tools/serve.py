"""Serves the rendered book on this machine alone: python tools/serve.py 8000"""

import http.server
import sys
from functools import partial
from pathlib import Path

SITE = Path(__file__).parents[1] / "_build/html"


def main(port):
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=SITE)
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        hint = f"make serve PORT={port + 1}"
        raise SystemExit(f"Port {port}: {error.strerror}. Try: {hint}") from None
    print(f"The book is at http://127.0.0.1:{port}/book/index.html; Ctrl-C stops.")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main(int(sys.argv[1]))
