"""The joint report from the receiver's database.

report(db, month, timezone) -> Joint
"""

from edge.report.joint import Depot, Heard, Joint, joint
from edge.report.uptime import months_ending
from edge.shell.networkdb import NetworkDb


def report(db: NetworkDb, month: str, timezone: str) -> Joint:
    """Return the joint report of a month over every depot that was heard of.

    Raises ValueError if month or time zone is none, DatabaseTrouble if the database cannot be read.
    """
    begin, end = months_ending(month, 1, timezone)
    sites = {stream.site for stream in db.streams()}
    return joint([_depot(db, site, month, begin, end) for site in sorted(sites)], month, timezone)


def _depot(db: NetworkDb, site: str, month: str, begin: int, end: int) -> Depot:
    status = db.connection.rows("SELECT state FROM status WHERE site = ?", site)
    heard = db.connection.rows("SELECT MAX(received_wall_ms) FROM message WHERE site = ?", site)
    conflicts = db.connection.rows("SELECT COUNT(*) FROM conflict WHERE site = ?", site)
    begun = "WHERE site = ? AND start_wall_ms >= ? AND start_wall_ms < ?"
    return Depot(
        site=site,
        state=status[0][0] if status else "",
        last_received_wall_ms=heard[0][0],
        streams=[_heard(db, site, one.stream) for one in db.streams() if one.site == site],
        conflicts=conflicts[0][0],
        sessions=db.things("session", begun, site, begin, end),
        outages=db.things("outage", begun, site, begin, end),
        uptimes=db.things("uptime", "WHERE site = ? AND month = ?", site, month),
    )


def _heard(db: NetworkDb, site: str, stream: str) -> Heard:
    highest = db.connection.rows(
        "SELECT COALESCE(MAX(seq), 0) FROM message WHERE site = ? AND stream = ?", site, stream
    )
    gone = db.connection.rows(
        "SELECT first, last FROM gone WHERE site = ? AND stream = ? ORDER BY first", site, stream
    )
    return Heard(
        stream=stream,
        up_to=db.up_to(site, stream),
        highest=highest[0][0],
        missing=db.missing(site, stream),
        gone=[(first, last) for first, last in gone],
    )
