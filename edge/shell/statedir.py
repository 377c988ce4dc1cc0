"""The names of what stands in the daemon's state directory, for the daemon and for those who look for it."""

CONTROL_SOCKET = "control.sock"
STORE = "depot.db"
PSEUDONYM_KEY = "pseudonym.key"
ACCOUNTS = "accounts.json"
CERTIFICATE = "page-certificate.pem"
CERTIFICATE_KEY = "page-key.pem"
