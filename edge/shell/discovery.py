"""Where the utility's broker is and which topics to hear, as its REST server tells.  Blocking: for a thread.

    found = discover(vtn, utility, topics)        GET /notifiers, GET /notifiers/mqtt/topics/…

Rule 1: what the site file says is not asked for.
Rule 2: the broker does not filter, so the topics are as narrow as the VTN lets us have them: of our ven
    object, of our programs; all events where it gives neither.  What is still not for us the core leaves out.
Rule 3: a broker without TLS is not connected to, unless it is on this machine.

Source: OpenADR 3.1.1, Definition, Notifications via Additional Protocols, and MQTT; openadr3.yaml,
mqttNotifierBindingObject.
"""

import hashlib
import os
import ssl
import tempfile
from typing import Any, NamedTuple
from urllib.parse import quote

from edge.model.site import Broker, Utility
from edge.shell.mqtt import Login
from edge.shell.openadr_fields import BadMessage, Fields
from edge.shell.sitekinds import BROKER, Wrong
from edge.shell.token import Tokens
from edge.shell.vtn import VtnClient, VtnRefused

CLIENT_ID = "{clientID}"  # stands for our OAuth2 client id in a user name
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Topics(NamedTuple):
    """What may be asked for.  programs: ids of ours.  client_id: our session at the broker."""

    programs: tuple[str, ...]
    client_id: str


class Found(NamedTuple):
    """What the VTN told.  broker: None where it has none that can be used.  notes: why, for the audit log.

    context: TLS settings, where the VTN gives us certificates.  key: tells this broker, with these
    certificates, from any other.
    """

    broker: Broker | None = None
    topics: tuple[str, ...] = ()
    context: ssl.SSLContext | None = None
    notes: tuple[str, ...] = ()
    key: str = ""


def token_login(broker: Broker, tokens: Tokens) -> Login:
    """Return the login by access token: it is the password, at every connection a fresh one."""
    user = broker.username.replace(CLIENT_ID, tokens.client_id) or tokens.client_id
    return Login(lambda: (user, tokens.get()), tokens.renew_in_s)


def discover(vtn: VtnClient, utility: Utility, topics: Topics) -> Found:
    """Ask the VTN for what the site file does not say.  Raises vtn.TROUBLE."""
    broker, context, pem = utility.broker, None, ""
    notes: list[str] = []
    if broker is None:
        try:
            broker, context, pem = _broker(vtn.notifiers(), topics.client_id)
        except (BadMessage, Wrong, VtnRefused) as error:
            if isinstance(error, VtnRefused) and error.passes:
                raise
            notes.append(f"no broker: {error}")
    if broker is None:
        return Found(notes=tuple(notes))
    names: tuple[str, ...] = ()
    if not utility.event_topics:
        names, refused = _topics(vtn, utility, topics.programs)
        notes += refused
    key = hashlib.sha256(f"{broker}{pem}".encode()).hexdigest()
    return Found(broker, names, context, tuple(notes), key)


def _broker(notifiers: Fields, client_id: str) -> tuple[Broker | None, ssl.SSLContext | None, str]:
    """Return the broker of GET /notifiers, and TLS settings and their PEM where they come with it.

    Raises BadMessage, Wrong.
    """
    binding = notifiers.object("MQTT")
    if binding is None:
        return None, None, ""
    if binding.text("serialization").upper() not in ("", "JSON"):
        raise binding.bad("serialization", "JSON")
    how = binding.object("authentication")
    method = how.text("method").upper() if how else "ANONYMOUS"
    wanted = _first_usable([each for each in binding.items("URIS", 100) if isinstance(each, str)])
    broker = Broker(**{"client_id": client_id, **wanted})
    if how is None or method == "ANONYMOUS":
        return broker, None, ""
    if method == "OAUTH2_BEARER_TOKEN":
        user = how.text("username") or CLIENT_ID
        return Broker(**{"client_id": client_id, **wanted, "username": user, "login": "bearer"}), None, ""
    if method == "CERTIFICATE":
        return broker, *_context(how)
    raise how.bad("method", "ANONYMOUS, OAUTH2_BEARER_TOKEN or CERTIFICATE")


def _first_usable(uris: list[str]) -> dict[str, Any]:
    """Return host, port and TLS of the first broker that may be spoken to.  Raises Wrong."""
    why = Wrong("URIS: the address of a broker as mqtts://host:8883")
    for uri in uris:
        try:
            found: dict[str, Any] = BROKER.read(uri)
        except Wrong as error:
            why = Wrong(f"URIS: {error}, got {uri[:100]}")
            continue
        if found["tls"] or found["host"] in LOOPBACK:
            return found
        why = Wrong(f"URIS: mqtts://, got {uri[:100]}: OpenADR's clients use TLS")
    raise why


def _context(how: Fields) -> tuple[ssl.SSLContext, str]:
    """Return TLS settings from certificates in PEM that stand in the answer, and those.  Raises BadMessage.

    A key can be loaded from a file only; ours is gone again before anything else happens.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    pem = {name: how.text(name, 65_536) for name in ("caCert", "clientCert", "clientKey")}
    try:
        if pem["caCert"]:
            context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cadata=pem["caCert"])
            context.minimum_version = ssl.TLSVersion.TLSv1_2
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # 0600
            file.write(f"{pem['clientCert']}\n{pem['clientKey']}\n")
            file.flush()
            os.fsync(file.fileno())
            context.load_cert_chain(file.name, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        raise BadMessage(how.topic, how.at("clientCert"), f"certificates in PEM ({error})") from None
    return context, "".join(pem.values())


def _topics(vtn: VtnClient, utility: Utility, programs: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
    """Return the topics of our events, and what the VTN refused."""
    ways = (
        [f"programs/{quote(each, safe='')}/events" for each in programs] if utility.programs else ["events"]
    )
    found, refused = _asked(vtn, ways)
    if not found and not utility.programs:
        found, _ = _asked(vtn, [f"programs/{quote(each, safe='')}/events" for each in programs])
    try:
        ven = vtn.ven_id(utility.ven_name)
        found += _asked(vtn, [f"vens/{quote(ven, safe='')}/events"])[0] if ven else []
    except VtnRefused as error:
        if error.passes:
            raise
        refused.append(f"ven object {utility.ven_name}: {error}")
    if found:
        refused = [each for each in refused if each.startswith("ven object")]
    return tuple(dict.fromkeys(found)), refused


def _asked(vtn: VtnClient, ways: list[str]) -> tuple[list[str], list[str]]:
    """Return the topics that the VTN tells for some paths, and what it refused for good."""
    found: list[str] = []
    refused: list[str] = []
    for way in ways:
        try:
            found += vtn.topics(way)
        except VtnRefused as error:
            if error.passes:
                raise
            refused.append(str(error))
    return found, refused
