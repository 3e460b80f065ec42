"""A discovery service for etcd clusters: /new?size=N answers with a URL, URL/_config/size with that size.

Usage: discovery.py PORT. Listens on 127.0.0.1 and remembers nothing but the sizes.
"""

import http.server
import json
import sys
import urllib.parse
import uuid

sizes = {}


class Discovery(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        token = url.path.strip("/").split("/")[0]
        if url.path == "/new":
            size = urllib.parse.parse_qs(url.query).get("size", ["1"])[0]
            token = uuid.uuid4().hex
            sizes[token] = size
            self.answer(200, f"http://127.0.0.1:{self.server.server_port}/{token}")
        elif url.path.endswith("/_config/size") and token in sizes:
            self.answer(200, json.dumps({"action": "get", "node": {"key": url.path, "value": sizes[token]}}))
        else:
            self.answer(404, json.dumps({"errorCode": 100, "message": "Key not found", "cause": url.path}))

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Discovery).serve_forever()
