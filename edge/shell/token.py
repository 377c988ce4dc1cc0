"""OAuth2 access tokens by client credentials, kept until shortly before they run out.

    tokens = Tokens(client, source, where)      where() -> the token endpoint's address
    tokens.get()                                blocks; from any thread
    tokens.refused(token)                       the server did not take it: the next get() asks anew

Rule 1: a secret is read from its file when it is needed, so that it can be replaced while the daemon runs,
    and stands in no message and no log.
Rule 2: a token is renewed before it ends: after RENEW_AT of its life.
Rule 3: after a failure nobody is asked again for PAUSE_S; brokers and servers retry on their own.

Source: OpenADR 3.1.1, Definition, OAuth 2.0 client credential flow; RFC 6749, 4.4 and 5.2.
"""

import base64
import threading
import time
from collections.abc import Callable
from urllib.parse import quote_plus, urlencode

from edge.model.site import Token
from edge.shell.rest import Answer, BadFiles, Client, Unreachable, secret

RENEW_AT = 0.8
LIFE_S = 3_600.0  # where the answer does not say; RFC 6749 recommends that it does
LIFE_S_MAX = 30 * 24 * 3_600.0
PAUSE_S = 5.0
MAX_TOKEN = 65_536  # the schema says 4096; tokens with many claims are longer, and brokers take 64 KiB


class NoToken(OSError):
    """There is no access token.  Says the endpoint and why; never the secret."""


class Tokens:
    """The tokens of one client.  clock: monotonic seconds."""

    def __init__(
        self,
        client: Client,
        source: Token,
        where: Callable[[], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client_id = source.client_id
        self._client = client
        self._source = source
        self._where = where
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._renew_s = 0.0
        self._not_before_s = 0.0
        self._trouble = ""

    def get(self) -> str:
        """Return a token that is good for a while.  Raises NoToken."""
        with self._lock:
            now_s = self._clock()
            if self._token and now_s < self._renew_s:
                return self._token
            if now_s < self._not_before_s:
                raise NoToken(self._trouble)
            try:
                self._token, life_s = self._ask()
            except NoToken as error:
                self._trouble, self._not_before_s = str(error), self._clock() + PAUSE_S
                raise
            self._renew_s = now_s + RENEW_AT * life_s
            return self._token

    def renew_in_s(self) -> float:
        """Return in how many seconds the token should be replaced; 0 for now.  Never waits."""
        return max(0.0, self._renew_s - self._clock())

    def refused(self, token: str) -> None:
        """Forget a token that a server did not take."""
        with self._lock:
            if token == self._token:
                self._token = ""

    def _ask(self) -> tuple[str, float]:
        """Return a new token and how long it lives, in seconds.  Raises NoToken."""
        try:
            url = self._where()
            words = {
                "grant_type": "client_credentials",
                "client_id": self._source.client_id,
                "client_secret": secret("utility.token_secret_file", self._source.secret_file),
            }
            if self._source.scope:
                words["scope"] = self._source.scope
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = self._client.ask("POST", url, headers, urlencode(words).encode())
            if answer.status in (400, 401):  # OpenADR has the secret in the body, RFC 6749 in a header
                headers["Authorization"] = _basic(words.pop("client_id"), words.pop("client_secret"))
                second = self._client.ask("POST", url, headers, urlencode(words).encode())
                answer = second if second.status == 200 else answer
        except (Unreachable, BadFiles) as error:
            raise NoToken(f"no token: {error}") from None
        return _read(answer, url)


def _basic(client_id: str, client_secret: str) -> str:
    """Return the header of RFC 6749, 2.3.1."""
    words = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return f"Basic {base64.b64encode(words.encode()).decode()}"


def _read(answer: Answer, url: str) -> tuple[str, float]:
    """Return token and life of an answer.  Raises NoToken with the error's name by RFC 6749."""
    try:
        found = answer.json()
    except ValueError:
        found = None
    fields = found if isinstance(found, dict) else {}
    if answer.status != 200:
        why = str(fields.get("error") or fields.get("title") or "")[:200]
        more = str(fields.get("error_description") or fields.get("detail") or "")[:200]
        raise NoToken(f"no token: {url}: {answer.status} {why}{': ' if more else ''}{more}".rstrip())
    token, life = fields.get("access_token"), fields.get("expires_in", LIFE_S)
    if not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN or not token.isprintable():
        raise NoToken(f"no token: {url}: access_token: expected a text, got {type(token).__name__}")
    if str(fields.get("token_type", "Bearer")).lower() != "bearer":
        raise NoToken(f"no token: {url}: token_type: expected Bearer")
    if isinstance(life, str) and life.isdecimal():  # seen in the wild
        life = int(life)
    if isinstance(life, bool) or not isinstance(life, int | float) or not life > 0:
        life = LIFE_S
    return token, min(float(life), LIFE_S_MAX)
