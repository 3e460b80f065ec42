"""Ports on 127.0.0.1, and a socket in a file, where the player answers for services that a node has started.

Nothing is served before the node's script starts the service, and TLS is served with the files that the service's own
configuration names.
"""

import http.server
import json
import os
import socket
import socketserver
import ssl
import threading


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Answers with `answer(method, path, host, body, subject)`: a status and a text, or what becomes JSON."""

    daemon_threads = True
    began = False
    context = None

    def begin(self, context=None):
        if not self.began:
            self.began = True
            self.context = context
            self.server_activate()
            threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """A client that does not trust us, or that we do not trust: it has been told."""

    def end(self):
        if self.began:
            self.shutdown()
        self.server_close()


class Listener(_Server):
    """A port on 127.0.0.1 that refuses connections until `begin`."""

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), Request, bind_and_activate=False)
        self.server_bind()
        self.answer = answer
        self.port = self.server_address[1]

    def get_request(self):
        connection, address = super().get_request()
        connection.settimeout(30)
        if self.context:
            # The handshake is the first read's, in the thread of the connection.
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address


class FileListener(_Server):
    """A socket in a file. Its path may be longer than a socket's address, so its folder is named by a descriptor."""

    address_family = socket.AF_UNIX

    def __init__(self, path, answer):
        self.folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
        super().__init__(f"/proc/self/fd/{self.folder}/{path.name}", Request, bind_and_activate=False)
        self.path = path
        self.answer = answer

    def begin(self, context=None):
        if not self.began:
            self.path.unlink(missing_ok=True)
            socketserver.TCPServer.server_bind(self)
            super().begin(context)

    def get_request(self):
        connection, _ = super().get_request()
        connection.settimeout(30)
        return connection, ("", 0)

    def server_close(self):
        super().server_close()
        if self.folder is not None:
            os.close(self.folder)
            self.folder = None


class Request(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        self.serve()

    do_PUT = do_POST = do_DELETE = do_GET

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        subject = {"token": self.headers.get("Authorization", "").removeprefix("Bearer ")}
        if self.server.context:
            certificate = self.connection.getpeercert() or {}
            subject |= {name: value for part in certificate.get("subject", ()) for name, value in part}
        status, content = self.server.answer(self.command, self.path, self.headers.get("Host", ""), body, subject)
        if not isinstance(content, bytes):
            content = (content if isinstance(content, str) else json.dumps(content, separators=(",", ":"))).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *words):
        pass


def context(root, certificate, key, authority, required=False):
    """TLS with the node's own files; who shows a certificate must have it of that authority."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(root.file(certificate), root.file(key))
    made.load_verify_locations(root.file(authority))
    made.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    return made
