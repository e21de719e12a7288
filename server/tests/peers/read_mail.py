"""Reads a mail with Python's own parser, under the policy that notes every defect.

    read_mail.py MAIL PDF

MAIL is as the server got it. Stores the attached PDF as PDF and prints JSON: the headers, the defects of all parts and
headers, and the parts that are no containers, each with type, file name and (of texts) text.
"""

import email
import email.policy
import json
import pathlib
import sys


def main(mail, pdf):
    message = email.message_from_bytes(pathlib.Path(mail).read_bytes(), policy=email.policy.default)
    defects = []
    parts = []
    for part in message.walk():
        for name, value in part.items():
            defects += [f"{name}: {defect!r}" for defect in value.defects]
        if not part.is_multipart():
            text = part.get_content() if part.get_content_maintype() == "text" else None
            parts.append({"type": part.get_content_type(), "name": part.get_filename(), "text": text})
            if part.get_content_type() == "application/pdf":
                pathlib.Path(pdf).write_bytes(part.get_content())
        # Reading the content is what notes the defects of an encoding.
        defects += [f"{part.get_content_type()}: {defect!r}" for defect in part.defects]
    headers = [[name, str(value)] for name, value in message.items()]
    print(json.dumps({"headers": headers, "defects": defects, "parts": parts}))


main(*sys.argv[1:])
