"""A certificate authority for tests: it issues certificates that sign files, right ones and wrong ones."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

KINDS = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "es256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "es384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ps256": lambda: rsa.generate_private_key(65537, 2048),
    "small rsa": lambda: rsa.generate_private_key(65537, 1024),
    "another curve": lambda: ec.generate_private_key(ec.SECP256K1()),
}
UNUSED = (
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "encipher_only",
    "decipher_only",
)
USAGE = dict.fromkeys(UNUSED, False)


class Authority:
    """Issues certificates in PEM with their keys."""

    def __init__(self, name: str = "Test Authority") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = named(name)
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(self.name, self.name, self.key.public_key(), x509.random_serial_number())
        self.certificate = (
            builder.not_valid_before(now - timedelta(days=900))
            .not_valid_after(now + timedelta(days=900))
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(
        self,
        kind: str = "es256",
        *,
        days: float = 90,
        purpose=ExtendedKeyUsageOID.EMAIL_PROTECTION,
        ca: bool = False,
        signs: bool = True,
        alone: bool = False,
        passphrase: bytes | None = None,
    ) -> tuple[str, str]:
        """(Certificate with this authority's, private key), valid from two years ago until `days` from now."""
        key = KINDS[kind]()
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder(self.name, named("Ada's studio"), key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=730))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(usage(signs_certificates=not signs), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        pem = certificate.public_bytes(Encoding.PEM).decode() + ("" if alone else self.pem)
        secrecy = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        return pem, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secrecy).decode()


def named(name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )


def usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_cert_sign=signs_certificates, crl_sign=signs_certificates, **USAGE
    )
