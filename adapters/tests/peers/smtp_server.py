"""A real mail server for the tests: aiosmtpd 1.4.6 (PyPI), with encryption and authentication required.

    smtp_server.py DIRECTORY

Makes a certificate authority and a certificate for "localhost" with the openssl command, listens on 127.0.0.1 and
prints one line of JSON: {"starttls": port, "smtps": port, "ca": path}. User "user", password "p@ss/word"; the smtps
server offers the mechanism LOGIN only. Each mail becomes a file DIRECTORY/mails/<n>: sender, recipient, message.
Recipients "refused@..." and "later@..." are answered 550 and 450. Ends when its standard input is closed.
"""

import asyncio
import itertools
import json
import logging
import pathlib
import ssl
import subprocess
import sys
import warnings

from aiosmtpd.smtp import SMTP, AuthResult


def openssl(directory, *arguments):
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


def certificates(directory):
    key = ["-newkey", "rsa:2048", "-nodes"]
    (directory / "leaf.ext").write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
    openssl(directory, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority")
    openssl(directory, "req", *key, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=localhost")
    openssl(directory, "x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-extfile", "leaf.ext", "-out", "leaf.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(directory / "leaf.pem", directory / "leaf.key")
    return context


class Mails:
    def __init__(self, directory):
        self.directory = directory
        self.numbers = itertools.count(1)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused@"):
            return "550 5.1.1 no such user"
        if address.startswith("later@"):
            return "450 4.2.1 greylisted"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        name = str(next(self.numbers))
        head = f"{envelope.mail_from}\n{','.join(envelope.rcpt_tos)}\n".encode()
        part = self.directory / f"{name}.part"
        part.write_bytes(head + envelope.content)
        part.rename(self.directory / name)
        return f"250 2.0.0 Ok: queued as TEST{name}"


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"user", b"p@ss/word"), handled=False)


async def main(directory):
    (directory / "mails").mkdir()
    context = certificates(directory)
    handler = Mails(directory / "mails")
    shared = {"authenticator": authenticate, "auth_required": True, "enable_SMTPUTF8": True, "hostname": "localhost"}

    def starttls():
        return SMTP(handler, tls_context=context, require_starttls=True, auth_require_tls=True, **shared)

    def smtps():
        return SMTP(handler, auth_require_tls=False, auth_exclude_mechanism=["PLAIN"], **shared)

    loop = asyncio.get_running_loop()
    servers = {
        "starttls": await loop.create_server(starttls, "127.0.0.1", 0),
        "smtps": await loop.create_server(smtps, "127.0.0.1", 0, ssl=context),
    }
    told = {name: server.sockets[0].getsockname()[1] for name, server in servers.items()}
    print(json.dumps(told | {"ca": str(directory / "ca.pem")}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


# Refused handshakes are what the tests are about.
logging.disable()
warnings.simplefilter("ignore")
asyncio.run(main(pathlib.Path(sys.argv[1])))
