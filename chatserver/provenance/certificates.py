"""Certificates that manifests are signed with: the operator's, checked when it is read, or the server's own.

The server's own one is derived from SECRET_KEY, to the last byte: every machine has the same, and nothing has to be stored.
Nobody else vouches for it, so that readers of manifests call it untrusted.
"""

import hashlib
import hmac
import itertools
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chatserver.errors import ConfigurationError
from chatserver.provenance.protocol import OwnCertificate, Recognized, SigningCertificate

# Constant, so that the certificate is the same whenever it is derived.
_VALID_FROM, _VALID_UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2126, 1, 1, tzinfo=UTC)
# An X.509 name has at most 64 characters.
_LONGEST_NAME = 64
# What the C2PA specification lets a signer's certificate be for (C2PA 2.2, 14.5.1): e-mail, documents, time, C2PA itself.
_PURPOSES = {
    ExtendedKeyUsageOID.EMAIL_PROTECTION.dotted_string,
    "1.3.6.1.5.5.7.3.36",
    "1.3.6.1.4.1.62558.2.1",
}
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_SMALLEST_RSA_BITS = 2048

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@lru_cache(maxsize=2)
def derive(own: OwnCertificate) -> SigningCertificate:
    """The server's own certificate, issued by a root of its own: C2PA takes none that has issued itself."""
    root_key, key = _derived_key(own.seed, b"root"), _derived_key(own.seed, b"signer")
    # Without the site's name, so that files from before it was changed are still recognised.
    root_name = _name("chatserver", "own root, vouched for by nobody")
    root = (
        _builder(root_name, root_name, root_key, _serial_number(own.seed, b"root"))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
        .sign(root_key, None)
    )
    certificate = (
        _builder(_name(own.site_name, "chatserver"), root_name, key, _serial_number(own.seed, b"signer"))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(root_key, None)
    )
    return SigningCertificate(
        chain=certificate.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM),
        private_key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        algorithm="ed25519",
        expires_at=_VALID_UNTIL,
    )


def load(certificate: str, private_key: str) -> SigningCertificate:
    """The operator's certificate from C2PA_CERTIFICATE and C2PA_KEY: PEM text, or paths of files with it.

    Raises ConfigurationError, which says what is wrong and never holds a part of the key. An expired one is returned.
    """
    chain = _chain(_pem("C2PA_CERTIFICATE", certificate))
    key = _private_key(_pem("C2PA_KEY", private_key))
    _check_chain(chain)
    _check_usage(chain[0])
    if _public_bytes(key) != chain[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo):
        raise ConfigurationError("C2PA_KEY is not the key of C2PA_CERTIFICATE's first certificate.")
    return SigningCertificate(
        chain=b"".join(each.public_bytes(Encoding.PEM) for each in chain),
        private_key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        algorithm=_algorithm(key),
        expires_at=chain[0].not_valid_after_utc,
    )


def recognized(certificate: SigningCertificate) -> Recognized:
    """How a manifest that this certificate has signed is told from all others."""
    signer, *issuers = x509.load_pem_x509_certificates(certificate.chain)
    text = b"".join(each.public_bytes(Encoding.PEM) for each in issuers).decode()
    return Recognized(issuers=text, serial_numbers=(str(signer.serial_number),))


# The server's own ---------------------------------------------------------------------------------------------------


def _derived_key(seed: bytes, label: bytes) -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.from_private_bytes(hmac.digest(seed, b"key " + label, "sha256"))


def _serial_number(seed: bytes, label: bytes) -> int:
    # Positive, and at most 20 bytes (RFC 5280, 4.1.2.2).
    return int.from_bytes(hashlib.sha256(seed + b" serial " + label).digest()[:15]) | 1


def _name(site_name: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, site_name[:_LONGEST_NAME]),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ed25519.Ed25519PrivateKey, serial_number: int
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        issuer,
        subject,
        key.public_key(),
        serial_number,
        _VALID_FROM.replace(tzinfo=None),
        _VALID_UNTIL.replace(tzinfo=None),
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


# The operator's -----------------------------------------------------------------------------------------------------


def _pem(setting: str, text: str) -> bytes:
    """The PEM of a setting that holds it, or names a file that does."""
    if "-----BEGIN" in text:
        # In one line of an environment file, line breaks are written \n.
        return text.replace("\\n", "\n").encode()
    try:
        return Path(text).expanduser().read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no path"
        # The text is not repeated: a key without its first line would be taken for a path.
        raise ConfigurationError(f"{setting} names a file that cannot be read: {why}.") from None


def _chain(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ConfigurationError("C2PA_CERTIFICATE holds no certificates in PEM.") from None


def _private_key(pem: bytes) -> PrivateKey:
    try:
        key = load_pem_private_key(pem, None)
    except TypeError:
        raise ConfigurationError("C2PA_KEY has a passphrase. Write it without one: openssl pkey -in … -out …") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigurationError("C2PA_KEY holds no private key in PEM.") from None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return key
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _SMALLEST_RSA_BITS:
        return key
    raise ConfigurationError(
        "C2PA_KEY is of a kind that C2PA does not take: Ed25519, P-256, P-384, P-521, or RSA of 2048 bits or more."
    )


def _public_bytes(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _algorithm(key: PrivateKey) -> str:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    return "ps256" if isinstance(key, rsa.RSAPrivateKey) else _CURVES[key.curve.name]


def _check_chain(chain: list[x509.Certificate]) -> None:
    if len(chain) < 2:
        raise ConfigurationError(
            "C2PA_CERTIFICATE holds one certificate. Set it to the signer's, followed by its issuer's, as the authority "
            "has sent them."
        )
    for certificate, issuer in itertools.pairwise(chain):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            raise ConfigurationError(
                "C2PA_CERTIFICATE's certificates do not follow each other: the signer's comes first, and each one is "
                "issued by the next."
            ) from None


def _check_usage(certificate: x509.Certificate) -> None:
    """The certificate profile of C2PA, as far as signing would fail otherwise, or readers would refuse the manifest."""
    extensions = {type(each.value): each.value for each in certificate.extensions}
    constraints = extensions.get(x509.BasicConstraints)
    if isinstance(constraints, x509.BasicConstraints) and constraints.ca:
        raise ConfigurationError("C2PA_CERTIFICATE's first certificate is an authority's and may sign no files.")
    usage = extensions.get(x509.KeyUsage)
    if not isinstance(usage, x509.KeyUsage) or not usage.digital_signature:
        raise ConfigurationError("C2PA_CERTIFICATE's first certificate is not for digital signatures (keyUsage).")
    purposes = extensions.get(x509.ExtendedKeyUsage)
    found = {each.dotted_string for each in purposes} if isinstance(purposes, x509.ExtendedKeyUsage) else set()
    if _PURPOSES.isdisjoint(found):
        raise ConfigurationError(
            "C2PA_CERTIFICATE's first certificate is not for signing files (extendedKeyUsage): one for emailProtection, "
            "document signing or C2PA is needed."
        )
    if x509.AuthorityKeyIdentifier not in extensions:
        raise ConfigurationError(
            "C2PA_CERTIFICATE's first certificate does not name its issuer's key (authorityKeyIdentifier)."
        )
