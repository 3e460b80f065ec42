"""What the cluster's trustee may do, and whether the certificates that a node got are what its services need."""

import datetime
import subprocess

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SECONDS = 60
BOTH = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH}
CLIENT = {ExtendedKeyUsageOID.CLIENT_AUTH}


def log_in(parameters, scope=None):
    """The answer of Keystone to the trustee's password."""
    user = {"id": parameters["TRUSTEE_USER_ID"], "password": parameters["TRUSTEE_PASSWORD"]}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    if scope:
        body["auth"]["scope"] = scope
    return requests.post(f"{parameters['AUTH_URL']}/auth/tokens", json=body, timeout=SECONDS)


def trustee_findings(parameters, project):
    """The trustee may log in, fetch the CA, act in the project by its trust, and never become an administrator."""
    unscoped = log_in(parameters)
    if unscoped.status_code != 201:
        yield f"the trustee cannot log in: {unscoped.status_code}"
        return
    yield from _trust(parameters, project)
    if "MAGNUM_URL" not in parameters:
        return
    url = parameters["MAGNUM_URL"]
    headers = {"X-Auth-Token": unscoped.headers["X-Subject-Token"], "OpenStack-API-Version": "container-infra latest"}
    answer = requests.get(f"{url}/certificates/{parameters['CLUSTER_UUID']}", headers=headers, timeout=SECONDS)
    if answer.status_code != 200:
        yield f"the trustee cannot fetch the CA: {answer.status_code} {answer.text[:200]}"
        return
    for group in ["system:masters", "system:masters,O=system:nodes"]:
        body = {"cluster_uuid": parameters["CLUSTER_UUID"], "csr": _administrators_request(group)}
        answer = requests.post(f"{url}/certificates", json=body, headers=headers, timeout=SECONDS)
        if answer.status_code not in (400, 403):
            yield f"a node's request for a certificate of group {group} was answered with {answer.status_code}"


def _trust(parameters, project):
    scoped = log_in(parameters, {"OS-TRUST:trust": {"id": parameters["TRUST_ID"]}})
    if scoped.status_code != 201:
        yield f"the trustee cannot use the trust: {scoped.status_code}"
        return
    token = scoped.json()["token"]
    if token["project"]["id"] != project:
        yield f"the trust is for project {token['project']['id']}, the server is in {project}"
    if "admin" in {role["name"] for role in token["roles"]}:
        yield "the trust makes a node an administrator"


def _administrators_request(groups):
    names = [x509.NameAttribute(NameOID.COMMON_NAME, "intruder")]
    names += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups.split(",O=")]
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names)).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def load(root, folder, name):
    return x509.load_pem_x509_certificate(root.read(f"{folder}/{name}.crt").encode())


def findings(root, folder, wanted):
    """Everything wrong with certificates of a node: name to subject, organization, names, addresses and usage."""
    authority = load(root, folder, "ca")
    if not authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
        yield "the CA's certificate is no CA's"
    for name, expected in wanted.items():
        for finding in one(root, folder, name, authority, *expected):
            yield f"certificate {name}: {finding}"


def authority_findings(root, folder, signs):
    """Only who signs by itself has the authority's key."""
    key = root.file(f"{folder}/ca.key")
    if not signs:
        if key.exists():
            yield "the authority's key is on a node that does not sign"
        return
    if not key.exists():
        yield "a node that signs has no key of the authority"
        return
    if serialization.load_pem_private_key(key.read_bytes(), None).public_key() != load(root, folder, "ca").public_key():
        yield "the authority's key is another one's"
    if key.stat().st_mode & 0o007:
        yield "others may read the authority's key"


def one(root, folder, name, authority, common_name, organization, names, addresses, usage):
    """Chain, dates, subject, names, usage and key of one certificate."""
    try:
        certificate = load(root, folder, name)
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError) as error:
        yield f"not of this CA: {error}"
        return
    yield from _strict(root.file(folder), name, usage)
    now = datetime.datetime.now(datetime.UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc - datetime.timedelta(days=30):
        yield f"valid from {certificate.not_valid_before_utc} to {certificate.not_valid_after_utc}"
    found = [attribute.value for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if found != [common_name]:
        yield f"common name {found}, not {common_name}"
    found = [attribute.value for attribute in certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    if found != ([organization] if organization else []):
        yield f"organization {found}, not {organization}"
    yield from _extensions(certificate, names, addresses, usage)
    key = serialization.load_pem_private_key(root.read(f"{folder}/{name}.key").encode(), None)
    if key.public_key() != certificate.public_key():
        yield "the key is another one's"


def _strict(folder, name, usage):
    for purpose in ["sslclient"] + (["sslserver"] if usage == BOTH else []):
        done = subprocess.run(
            ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", folder / "ca.crt", folder / f"{name}.crt"],
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )
        if done.returncode != 0:
            yield f"OpenSSL refuses it as {purpose}: {done.stderr.strip()}"


def _extensions(certificate, names, addresses, usage):
    extensions = certificate.extensions
    try:
        alternatives = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = {*alternatives.get_values_for_type(x509.DNSName)}
        found |= {str(address) for address in alternatives.get_values_for_type(x509.IPAddress)}
    except x509.ExtensionNotFound:
        found = set()
    missing = [name for name in [*names, *addresses] if name and name not in found]
    if missing:
        yield f"not for {missing}, only for {sorted(found)}"
    try:
        allowed = set(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound as error:
        yield str(error)
        return
    if allowed != usage:
        yield f"may be used for {[one._name for one in allowed]}"
    if any(one.oid == x509.BasicConstraints.oid and one.value.ca for one in extensions):
        yield "may sign others"
