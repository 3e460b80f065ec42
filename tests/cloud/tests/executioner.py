"""Kills the conductor at every step of a cluster's operations: when the step has done its work and is about to say so.

The work of a step is stored by one update of the operation's row. Whoever has that row locked sees the update wait, kills
the conductor, and has the database forget what was not committed; the step is then run again from its beginning.
"""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote, urlsplit

import pymysql

WAIT_SECONDS = 900
# How long a step's work may take; the lease is longer.
WORK_SECONDS = 10
LIVE = "SELECT seq FROM rs_operation WHERE state = 'active'"
# By nothing that an update changes: a lock of an index that moves ends in a deadlock.
LOCKED = "SELECT kind, step, state = 'active' AND lease_until > UTC_TIMESTAMP(6) FROM rs_operation WHERE seq = %s FOR UPDATE"
WAITING = "SELECT id, info FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND info LIKE 'UPDATE %%rs_operation%%'"
RUN_OUT = "UPDATE rs_operation SET lease_until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND WHERE seq = %s"


def connect(url):
    place = urlsplit(url)
    return pymysql.connect(
        host=place.hostname, port=place.port, user=unquote(place.username), password=unquote(place.password),
        database=place.path.strip("/"), autocommit=False, init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    )


class Executioner:
    """Kills the conductor once in each step of each kind of operation. There is one cluster at a time."""

    def __init__(self, service, database):
        self.service = service
        self.lock = connect(database)
        self.look = connect(database)
        self.killed = {}

    def close(self):
        self.lock.close()
        self.look.close()

    def until(self, done, request):
        """Kills from before the request is made until it is done; asks for that every second, and for the step all the time."""
        end = time.monotonic() + WAIT_SECONDS
        with ThreadPoolExecutor(1) as beside:
            asking = beside.submit(request)
            asked = 0
            while True:
                if asking.done() and time.monotonic() - asked > 1:
                    asking.result()
                    if done():
                        return
                    asked = time.monotonic()
                assert time.monotonic() < end, self.killed
                if not self.strike():
                    # Nobody is at work: what comes next is a claim, and then a step of many statements.
                    time.sleep(0.002)

    def strike(self):
        """Looks at the operation once, with its row locked, and kills in a step that is new; whether somebody is at work."""
        with self.lock.cursor() as cursor:
            try:
                if not cursor.execute(LIVE):
                    return False
                [seq] = cursor.fetchone()
                cursor.execute(LOCKED, seq)
                kind, step, at_work = cursor.fetchone()
                if at_work and step not in self.killed.get(kind, []) and self.commits():
                    self.kill(cursor, seq, kind, step)
                return bool(at_work)
            finally:
                self.lock.rollback()

    def commits(self):
        """Waits until the step's work waits to be stored; `False` when it is something else that waits, which may go on."""
        end = time.monotonic() + WORK_SECONDS
        while time.monotonic() < end:
            waiting = self.waiting()
            if waiting:
                return any("`step_since` =" in info or "`finished_at` =" in info for info in waiting.values())
            time.sleep(0.005)
        return False

    def waiting(self):
        with self.look.cursor() as cursor:
            cursor.execute(WAITING)
            return dict(cursor.fetchall())

    def kill(self, cursor, seq, kind, step):
        """The first lease runs out by its time; the others are ended by hand, which saves the wait."""
        self.service.kill("conductor")
        with self.look.cursor() as other:
            for connection in self.waiting():
                with contextlib.suppress(pymysql.MySQLError):
                    other.execute("KILL %s", connection)
        if self.killed:
            cursor.execute(RUN_OUT, seq)
            self.lock.commit()
        self.lock.rollback()
        self.killed.setdefault(kind, []).append(step)
        self.service.start("conductor")
