#!/usr/bin/python3
"""The mail server and the gateways of a demo, for SMS and push: they keep what they are given.

usage: sinks.py --smtp PORT --http PORT --dir DIR [--bearer FILE] [--login FILE]
                [--address ADDRESS] [--tls CERT KEY] [--faults]

SMTP (aiosmtpd) and HTTP on ADDRESS, by default 127.0.0.1. With --tls all want TLS:
STARTTLS before mail, and https.

  GET  /          what has come, newest first, as a page
  GET  /messages  the same as JSON: {"sms": [...], "push": [...], "mail": [...]}
  POST /sms       the gateway: {"id", "to", "text"}, Idempotency-Key, Authorization
  POST /push      likewise; to "demo:PORT" is passed on to the app simulator there
  POST /faults    with --faults: how they behave from now on, see Faults

DIR/sms.jsonl, push.jsonl and mail.jsonl get one JSON object a line. A gateway that has the key
already says 200 and keeps nothing; how often each key came stands in /messages too.
"""
import argparse
import asyncio
import email
import email.policy
import html
import json
import logging
import signal
import ssl
import time
import warnings
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

BODY_MAX = 256 * 1024
SHOWN = 200
KINDS = ("sms", "push", "mail")


class Faults:
    """status: the answer instead of 200 (sms, push), or a reply as '451 4.3.0 later' (mail);
    delay_s: before it; lose: 'before' or 'after' keeping it, the connection ends without
    an answer; forget: keys are not told apart from then on; times: so often, then no
    more."""

    def __init__(self):
        self.of = {kind: {} for kind in KINDS}

    def take(self, kind):
        fault = self.of[kind]
        if not fault:
            return {}
        if "times" in fault:
            fault["times"] -= 1
            if fault["times"] < 0:
                self.of[kind] = {}
                return {}
        return fault


class Kept:
    def __init__(self, folder):
        self.folder = folder
        self.lists = {kind: [] for kind in KINDS}
        self.keys = {}  # how often each idempotency key came
        self.calls = dict.fromkeys(KINDS, 0)
        for kind, known in self.lists.items():
            path = folder / f"{kind}.jsonl"
            if path.exists():
                known.extend(json.loads(line) for line in path.read_text().splitlines())
            for one in known:
                self.keys[one.get("id")] = 1

    def add(self, kind, message):
        message["at"] = int(time.time() * 1000)
        self.lists[kind].append(message)
        with open(self.folder / f"{kind}.jsonl", "a", encoding="utf-8") as out:
            out.write(json.dumps(message, ensure_ascii=False) + "\n")


# ---- mail


class MailHandler:
    def __init__(self, kept, faults):
        self.kept = kept
        self.faults = faults

    async def handle_DATA(self, server, session, envelope):
        fault = self.faults.take("mail")
        self.kept.calls["mail"] += 1
        await asyncio.sleep(fault.get("delay_s", 0))
        if fault.get("lose") == "before":
            server.transport.abort()
            return "421 4.3.0 gone"
        if "status" in fault:
            return fault["status"]
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.kept.add("mail", {
            "id": (parsed["Message-ID"] or "").strip("<>").split("@")[0],
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None,
            "user": session.auth_data.login.decode() if session.authenticated else None,
            "subject": parsed["Subject"],
            "headers": [[name, str(value)] for name, value in parsed.items()],
            "text": parsed.get_content() if not parsed.is_multipart() else None,
            "raw": envelope.content.decode("utf-8", "replace"),
        })
        if fault.get("lose") == "after":
            server.transport.abort()
        return "250 2.0.0 kept"


def authenticator(path):
    user, _, password = Path(path).read_text().strip().partition(":")

    def check(server, session, envelope, mechanism, data):
        good = (isinstance(data, LoginPassword) and data.login.decode() == user
                and data.password.decode() == password)
        return AuthResult(success=good, handled=not good, auth_data=data)

    return check


# ---- HTTP


class Http:
    def __init__(self, kept, faults, bearer):
        self.kept = kept
        self.faults = faults
        self.bearer = bearer
        self.forgets = False

    async def serve(self, reader, writer):
        try:
            await self.one(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    async def one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {}
        for line in head[1:]:
            name, colon, value = line.partition(":")
            if colon:
                headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        if length > BODY_MAX:
            raise ValueError("too long")
        body = await reader.readexactly(length)
        answer = await self.answer(method, path, headers, body)
        if answer is None:
            writer.transport.abort()
            return
        status, kind, data = answer
        writer.write(f"HTTP/1.1 {status} -\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}"
                     "\r\nConnection: close\r\n\r\n".encode() + data)
        await writer.drain()

    async def answer(self, method, path, headers, body):
        if (method, path) == ("GET", "/"):
            return 200, "text/html; charset=utf-8", page(self.kept).encode()
        if (method, path) == ("GET", "/messages"):
            return as_json(200, {**self.kept.lists, "keys": self.kept.keys, "calls": self.kept.calls})
        if method == "POST" and path in ("/sms", "/push"):
            return await self.gateway(path[1:], headers, body)
        if (method, path) == ("POST", "/faults") and self.faults.of is not None:
            self.forgets = False
            for kind, fault in json.loads(body).items():
                self.faults.of[kind] = fault
            return as_json(200, {})
        return as_json(404, {"error": "not found"})

    async def gateway(self, kind, headers, body):
        fault = self.faults.take(kind)
        self.kept.calls[kind] += 1
        await asyncio.sleep(fault.get("delay_s", 0))
        if fault.get("lose") == "before":
            return None
        if "status" in fault:
            return as_json(fault["status"], {"error": "as asked"})
        if self.bearer and headers.get("authorization") != f"Bearer {self.bearer}":
            return as_json(401, {"error": "unauthorized"})
        key = headers.get("idempotency-key")
        message = json.loads(body)
        if not key or message.get("id") != key or not isinstance(message.get("to"), str):
            return as_json(400, {"error": "id, to, text and Idempotency-Key are expected"})
        new = key not in self.kept.keys or fault.get("forget") or self.forgets
        self.forgets = self.forgets or fault.get("forget", False)
        self.kept.keys[key] = self.kept.keys.get(key, 0) + 1
        if new:
            self.kept.add(kind, {name: message.get(name) for name in ("id", "to", "text")})
            if kind == "push":
                await pass_on(message)
        return None if fault.get("lose") == "after" else as_json(200, {"id": key, "duplicate": not new})


async def pass_on(message):
    """To the simulator of the app, as a telephone's system hands it to the app."""
    name, _, port = message["to"].partition(":")
    if name != "demo" or not port.isdigit():
        return
    text = json.dumps({"text": message.get("text")}).encode()
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", int(port))
        writer.write(f"POST /push HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(text)}"
                     "\r\nConnection: close\r\n\r\n".encode() + text)
        await writer.drain()
        writer.close()
    except (OSError, OverflowError):
        pass  # the telephone is off


def as_json(status, value):
    return status, "application/json", json.dumps(value, ensure_ascii=False).encode()


def page(kept):
    def when(ms):
        return time.strftime("%H:%M:%S", time.gmtime(ms / 1000 + 9 * 3600))  # Japan's

    def rows(kind):
        shown = kept.lists[kind][-SHOWN:][::-1]
        if not shown:
            return "<p>まだありません / Nothing yet</p>"
        parts = []
        for one in shown:
            to = ", ".join(one["to"]) if kind == "mail" else one["to"]
            title = html.escape(one.get("subject") or "")
            parts.append(f"<article><h3>{when(one['at'])} {html.escape(to)} {title}</h3>"
                         f"<pre>{html.escape(one.get('text') or '')}</pre></article>")
        return "".join(parts)

    return ("<!doctype html><html lang=ja><meta charset=utf-8><title>Tasuki demo: SMS, mail</title>"
            "<meta name=viewport content='width=device-width'><meta http-equiv=refresh content=5>"
            "<style>body{font:16px/1.6 sans-serif;max-width:60rem;margin:1rem auto;padding:0 1rem}"
            "pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f2f2f2;padding:.75rem}"
            "h3{font-size:1rem;margin:1rem 0 .25rem}</style>"
            "<h1>デモの受信箱 / Inbox of the demo</h1>"
            f"<h2>SMS</h2>{rows('sms')}<h2>アプリへの通知 / Push</h2>{rows('push')}<h2>メール / Mail</h2>{rows('mail')}</html>")


# ---- the process


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smtp", type=int, required=True)
    parser.add_argument("--http", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--bearer", type=Path)
    parser.add_argument("--login")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--faults", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # loopback: AUTH without TLS is meant
    logging.disable(logging.WARNING)
    options.dir.mkdir(parents=True, exist_ok=True)
    kept = Kept(options.dir)
    faults = Faults()
    login = {}
    if options.login:
        login = {"authenticator": authenticator(options.login), "auth_required": True,
                 "auth_require_tls": False}
    tls = None
    if options.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*options.tls)
        login |= {"tls_context": tls, "require_starttls": True}
    mail = Controller(MailHandler(kept, faults), hostname=options.address, port=options.smtp,
                      data_size_limit=BODY_MAX, **login)
    mail.start()
    bearer = options.bearer.read_text().strip() if options.bearer else None
    web = Http(kept, faults, bearer)
    if not options.faults:
        faults = web.faults = type("Never", (), {"of": None, "take": lambda self, kind: {}})()
        mail.handler.faults = faults
    server = await asyncio.start_server(web.serve, options.address, options.http, ssl=tls)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print(f"smtp {options.address}:{options.smtp} http {options.address}:{options.http}", flush=True)
    await stop.wait()
    server.close()
    mail.stop()


asyncio.run(main())
