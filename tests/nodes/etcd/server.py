"""A small HTTP server for stand-ins of services, with TLS or without. Lies beside them on the machine."""

import http.server
import json
import ssl

NODE = {"conditions": [{"type": "Ready", "status": "True"}]}


def tls(certificate, key, authority, required=False):
    """Asks a client for a certificate of the authority; without one it may be sent away at once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authority)
    context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    return context


def serve(place, answer, context=None):
    """Never returns. `answer` says status and body for the handler of a request."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802 - the name that the library wants
            status, body = answer(self)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

    class Server(http.server.ThreadingHTTPServer):
        def finish_request(self, request, address):
            # Here, in the thread of the connection, so that a client that says nothing stops no other.
            super().finish_request(context.wrap_socket(request, server_side=True) if context else request, address)

    Server(place, Handler).serve_forever()


def kubernetes(tokens):
    """Answers as an API server that serves nobody it does not know, and says whom it sees."""

    def identity(handler):
        """User and groups: the common name and the organisations of a certificate, or what the tokens say."""
        certificate = handler.connection.getpeercert()
        if certificate:
            names = [pair for part in certificate["subject"] for pair in part]
            return tuple(",".join(value for key, value in names if key == wanted)
                         for wanted in ("commonName", "organizationName"))
        return tokens.get(handler.headers.get("Authorization", "").removeprefix("Bearer "))

    def answer(handler):
        known = identity(handler)
        if not known:
            return 401, "Unauthorized"
        if handler.path == "/readyz":
            return 200, "ok"
        user, groups = known
        return 200, json.dumps(NODE if handler.path.startswith("/api/v1/nodes/") else {"user": user, "groups": groups})

    return answer
