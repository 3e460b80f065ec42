"""Kills the conductor at every step of a cluster's operations: when the step has done its work and is about to say so.

All that is stored of an operation is an update of its row. That row is locked from before the conductor knows of the
operation to its end, by two connections in turn: when an update waits, the other connection queues behind it, and the
first lets go. So none passes unseen, and what waits to be stored is lost when the conductor is killed just then.
"""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote, urlsplit

import pymysql

WAIT_SECONDS = 900
LIVE = "SELECT seq FROM rs_operation WHERE state = 'active'"
# By nothing that an update changes: a lock of an index that moves ends in a deadlock.
LOCKED = "SELECT kind, step, state = 'active', lease_until > UTC_TIMESTAMP(6) FROM rs_operation WHERE seq = %s FOR UPDATE"
WAITING = "SELECT id, info FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND info LIKE %s"
UPDATES = "UPDATE %rs_operation%"
QUEUES = "SELECT kind, step, % FOR UPDATE"
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
        self.holder, self.spare, self.look = (connect(database) for _ in range(3))
        self.killed = {}

    def close(self):
        for one in (self.holder, self.spare, self.look):
            one.close()

    def carry_out(self, request):
        """Makes a request, and kills until its operation has ended."""
        end = time.monotonic() + WAIT_SECONDS
        with ThreadPoolExecutor(2) as beside:
            self.service.pause("conductor")
            asking = beside.submit(request)
            try:
                seq = self.accepted(asking, end)
                row = self.take(self.holder, seq)
            finally:
                self.service.resume("conductor")
            while row[2]:
                assert time.monotonic() < end, (row, self.killed)
                row = self.pass_on(beside, seq, row)
            self.holder.rollback()
            asking.result()

    def accepted(self, asking, end):
        while True:
            found = self.ask(LIVE)
            if found:
                return found[0][0]
            if asking.done():
                asking.result()
            assert time.monotonic() < end, "no operation came of the request"
            time.sleep(0.01)

    def pass_on(self, beside, seq, row):
        """Lets an update pass that waits, or kills who has sent it; the row as it is then."""
        kind, step, _, at_work = row
        waiting = dict(self.ask(WAITING, UPDATES))
        if not waiting:
            time.sleep(0.005)
            return row
        stores = any("`step_since` =" in info or "`finished_at` =" in info for info in waiting.values())
        if stores and at_work and step not in self.killed.get(kind, []):
            return self.kill(waiting, seq, kind, step)
        queued = beside.submit(self.take, self.spare, seq)
        while not (queued.done() or self.ask(WAITING, QUEUES)):
            time.sleep(0.002)
        self.holder.rollback()
        self.holder, self.spare = self.spare, self.holder
        return queued.result()

    def kill(self, waiting, seq, kind, step):
        """The first lease runs out by its time; the others are ended by hand, which saves the wait."""
        self.service.kill("conductor")
        for connection in waiting:
            with contextlib.suppress(pymysql.MySQLError):
                self.ask("KILL %s", connection)
        if self.killed:
            with self.holder.cursor() as cursor:
                cursor.execute(RUN_OUT, seq)
            self.holder.commit()
        self.killed.setdefault(kind, []).append(step)
        row = self.take(self.holder, seq)
        self.service.start("conductor")
        return row

    @staticmethod
    def take(connection, seq):
        """Locks the row; kind, step, whether it is live, and whether somebody works on it."""
        with connection.cursor() as cursor:
            cursor.execute(LOCKED, seq)
            return cursor.fetchone()

    def ask(self, *words):
        with self.look.cursor() as cursor:
            cursor.execute(*words)
            found = cursor.fetchall()
        self.look.rollback()
        return found
