"""A mail server that takes everything and remembers, durably, what it has accepted: aiosmtpd 1.4.6 (PyPI).

    mail_sink.py PORT FILE

Listens on 127.0.0.1 and appends the Message-ID of each mail to FILE, one line for each time, before it answers 250: whatever
is killed, a mail that was accepted stands there.
"""

import asyncio
import email
import email.policy
import logging
import os
import sys
import warnings

from aiosmtpd.smtp import SMTP


class Sink:
    def __init__(self, path):
        self.accepted = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def handle_DATA(self, server, session, envelope):
        headers = email.message_from_bytes(envelope.content, policy=email.policy.default)
        os.write(self.accepted, (headers["Message-ID"].strip().strip("<>") + "\n").encode())
        os.fdatasync(self.accepted)
        # Long enough that some clients die between acceptance and answer.
        await asyncio.sleep(0.02)
        return "250 2.0.0 Ok: queued as TEST"


async def main(port, path):
    sink = Sink(path)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(sink, enable_SMTPUTF8=True, hostname="localhost"), "127.0.0.1", port)
    await server.serve_forever()


logging.disable()
warnings.simplefilter("ignore")
asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
