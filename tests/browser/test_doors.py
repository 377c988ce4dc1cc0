"""Where the page is served: HTTP here, HTTPS to others, with a certificate that openssl and Python accept."""

import asyncio
import http.client
import json
import logging
import re
import ssl
import stat
import subprocess
from pathlib import Path

import msgspec
import pytest

from edge.model.site import Page
from edge.shell import certificate
from edge.shell.certificate import CannotCertify
from edge.shell.statedir import CERTIFICATE, CERTIFICATE_KEY
from edge.web.doors import Door, doors, open_doors
from tests.fakes.depot_records import START_WALL_MS, site
from tests.fakes.desk import Rig

YEAR_MS = 365 * 24 * 3_600_000


def openssl(*words: str) -> str:
    return subprocess.run(["openssl", *words], capture_output=True, text=True, check=True, timeout=20).stdout


def test_a_certificate_is_made_once_renewed_in_time_and_for_other_names(tmp_path: Path) -> None:
    first = certificate.own(tmp_path, ("192.168.1.20", "fe80::1"), START_WALL_MS)
    assert stat.S_IMODE((tmp_path / CERTIFICATE_KEY).stat().st_mode) == 0o600
    said = openssl("x509", "-in", str(first.cert_file), "-noout", "-fingerprint", "-sha256", "-text")
    assert first.fingerprint in said.replace("sha256 Fingerprint=", "")
    assert "IP Address:192.168.1.20" in said and "DNS:localhost" in said and "CA:FALSE" in said
    openssl("verify", "-CAfile", str(first.cert_file), str(first.cert_file))
    assert certificate.own(tmp_path, ("192.168.1.20", "fe80::1"), START_WALL_MS) == first
    assert certificate.own(tmp_path, ("0.0.0.0",), START_WALL_MS) == first
    key = (tmp_path / CERTIFICATE_KEY).read_bytes()
    soon = certificate.own(tmp_path, (), first.until_wall_ms - 29 * 24 * 3_600_000)
    moved = certificate.own(tmp_path, ("192.168.7.7",), START_WALL_MS)
    assert len({each.fingerprint for each in (first, soon, moved)}) == 3
    assert (tmp_path / CERTIFICATE_KEY).read_bytes() == key


def test_what_is_no_certificate_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = certificate.own(tmp_path, (), START_WALL_MS)
    (tmp_path / "other").mkdir()
    other = certificate.own(tmp_path / "other", (), START_WALL_MS)
    with pytest.raises(CannotCertify, match="no certificate with its key"):
        certificate.read(own.cert_file, other.key_file)
    (tmp_path / CERTIFICATE).write_text("nothing")
    with pytest.raises(CannotCertify, match=CERTIFICATE):
        certificate.own(tmp_path, (), START_WALL_MS)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotCertify, match="apt-get install openssl"):
        certificate.own(tmp_path / "other", ("192.168.9.9",), START_WALL_MS)


def test_plain_http_is_for_this_machine_alone() -> None:
    here = {
        host: Door(host, 1).here for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "10.0.0.4")
    }
    assert here == {"127.0.0.1": True, "::1": True, "localhost": True, "0.0.0.0": False, "::": False,
                    "10.0.0.4": False}  # fmt: skip
    drawn = msgspec.structs.replace(site(), page=Page("192.168.1.20", 8443))
    found = doors(Rig(drawn).desk, "127.0.0.1", 8080)
    assert found == [Door("127.0.0.1", 8080), Door("192.168.1.20", 8443)]


def test_elsewhere_it_is_https_with_the_fingerprint_that_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Door, "here", property(lambda door: False))  # tests keep to this machine
    caplog.set_level(logging.INFO, "edge.page")
    rig = Rig()
    rig.tick(0)

    def ask(port: int, ca: Path) -> tuple[str, str, list[str]]:
        context = ssl.create_default_context(cafile=str(ca))
        wire = http.client.HTTPSConnection("localhost", port, timeout=10, context=context)
        wire.request("GET", "/api/status", headers={"Host": "depot.example"})
        refused = str(wire.getresponse().status)
        wire.close()
        wire.connect()
        der = wire.sock.getpeercert(binary_form=True)
        wire.request(
            "POST", "/api/set-up", json.dumps({"name": "anna", "password": "seven yellow vans"}),
            {"Content-Type": "application/json"},
        )  # fmt: skip
        answer = wire.getresponse()
        answer.read()
        wire.close()
        assert der
        return refused, ssl.DER_cert_to_PEM_cert(der), answer.headers.get_all("Set-Cookie") or []

    async def story() -> None:
        serving = asyncio.create_task(open_doors(rig.desk, "127.0.0.1", 0, tmp_path))
        try:
            for _ in range(200):
                await asyncio.sleep(0.05)
                if found := re.search(r"https://127\.0\.0\.1:(\d+)", caplog.text):
                    break
            assert found, caplog.text
            port = int(found[1])
            refused, pem, cookies = await asyncio.to_thread(ask, port, tmp_path / CERTIFICATE)
            assert refused == "401"  # looking is open at the gateway alone
            (tmp_path / "seen.pem").write_text(pem)
            shown = openssl("x509", "-in", str(tmp_path / "seen.pem"), "-noout", "-fingerprint", "-sha256")
            assert shown.strip().split("=")[1] in caplog.text
            assert len(cookies) == 1 and cookies[0].startswith("__Host-depot_session=")
            assert "secure" in cookies[0].lower() and "domain" not in cookies[0].lower()
            with pytest.raises((http.client.HTTPException, OSError)):
                plain = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                await asyncio.to_thread(plain.request, "GET", "/")
                await asyncio.to_thread(plain.getresponse)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(story())
    assert re.search(r"code [0-9A-Z]{5}-[0-9A-Z]{5}", caplog.text)
