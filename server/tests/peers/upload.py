"""Uploads files as a browser's form does, with nothing but Python's standard library.

    upload.py URL PERSON FIELD=VALUE... FILE...

Prints one line of JSON per file: {"file": path, "status": code, "record": what was answered}.
"""

import http.client
import json
import mimetypes
import pathlib
import sys
import urllib.parse
import uuid


def form(fields, path):
    """multipart/form-data, the file last."""
    boundary = uuid.uuid4().hex
    body = bytearray()
    for name, value in fields:
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    body += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n'.encode()
    body += f"Content-Type: {media_type}\r\n\r\n".encode() + path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", bytes(body)


def main(url, person, *rest):
    url = urllib.parse.urlsplit(url)
    fields = [argument.split("=", 1) for argument in rest if "=" in argument]
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    for path in (pathlib.Path(argument) for argument in rest if "=" not in argument):
        content_type, body = form(fields, path)
        connection.request("POST", url.path, body, {"Content-Type": content_type, "Trialbrief-Person": person})
        response = connection.getresponse()
        record = json.loads(response.read())
        print(json.dumps({"file": str(path), "status": response.status, "record": record}))
    connection.close()


main(*sys.argv[1:])
