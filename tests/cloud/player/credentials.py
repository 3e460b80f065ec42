"""Whom a node logs in as: whom its user data name, or whom the metadata of its server do, sealed with the password of the first."""

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

NAMES = ["TRUSTEE_USER_ID", "TRUSTEE_USERNAME", "TRUSTEE_PASSWORD", "TRUST_ID"]


class NotForThisNode(Exception):
    """The metadata were sealed with another password, or changed."""


def derived(use, password):
    return hashlib.sha256(f"{use}:{password}".encode()).digest()


def key_and_vector(phrase, salt):
    """As `openssl enc -md sha256` makes them."""
    made = block = b""
    while len(made) < 48:
        block = hashlib.sha256(block + phrase + salt).digest()
        made += block
    return made[:32], made[32:48]


def opened(sealed, mac, password):
    if not hmac.compare_digest(hmac.new(derived("mac", password), sealed.encode(), "sha256").hexdigest(), mac):
        raise NotForThisNode
    raw = base64.b64decode(sealed)
    key, vector = key_and_vector(derived("seal", password).hex().encode(), raw[8:16])
    decryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    padded = decryptor.update(raw[16:]) + decryptor.finalize()
    return (unpadder.update(padded) + unpadder.finalize()).decode()


def current(parameters, metadata):
    """The parameters of a node, with those of its trustee as they are now; without a trust where it was made without."""
    mac = metadata.get("magnum_credentials_mac", "")
    if not mac:
        return parameters
    sealed = metadata["magnum_credentials"] + metadata["magnum_credentials_rest"]
    today = dict(zip(NAMES, opened(sealed, mac, parameters["TRUSTEE_PASSWORD"]).splitlines(), strict=True))
    if not parameters.get("TRUST_ID"):
        today["TRUST_ID"] = ""
    return parameters | today
