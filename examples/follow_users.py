"""Keeps a table of people in step with provisor: reads everybody once, and from then on what has changed.

    SCIM_URL=http://127.0.0.1:8080/scim/v2 SCIM_TOKEN=pvr_... python3 follow_users.py people.db

Each call is one round; call it every minute or so. Prints what it did to the table.
"""

import json
import os
import sqlite3
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timedelta

PAGE = 100
ATTRIBUTES = "userName,displayName,active,emails,meta"
# A change becomes visible when it is committed, a moment after the time that it carries. So each round looks back a little
# behind the latest change that it knows; what it sees twice changes nothing.
OVERLAP = timedelta(minutes=1)
ATTEMPTS = 5


def get(path, parameters):
    """GET below the base URL. Waits as long as the server asks for where it is busy."""
    url = f"{os.environ['SCIM_URL']}{path}?{urllib.parse.urlencode(parameters)}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {os.environ['SCIM_TOKEN']}"})
    for attempt in range(ATTEMPTS):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503) or attempt + 1 == ATTEMPTS:
                raise SystemExit(f"provisor answered {error.code}{reason(error)}")
            time.sleep(int(error.headers.get("Retry-After", 1)))


def reason(error):
    """What the server says was wrong. A proxy before it answers with a page, which says nothing here."""
    try:
        return f": {json.load(error)['detail']}"
    except (ValueError, TypeError, KeyError):
        return ""


def users(**query):
    """All users that a query finds, page by page (RFC 9865). A cursor goes with the query that it was given out for."""
    cursor = ""
    while cursor is not None:
        page = get("/Users", {**query, "count": PAGE, "attributes": ATTRIBUTES, "cursor": cursor})
        yield from page["Resources"]
        cursor = page.get("nextCursor")


def row(user):
    """What the table holds of a user. Who is not said to be inactive is active."""
    emails = user.get("emails", [])
    email = next((one for one in emails if one.get("primary")), emails[0] if emails else {})
    return user["userName"], user.get("displayName"), email.get("value"), user.get("active", True)


def save(table, user):
    """Brings the row of a user up to date. Here an application would also end the sessions of who was deactivated."""
    name, display, email, active = new = row(user)
    old = table.execute("SELECT user_name, display_name, email, active FROM people WHERE id = ?", [user["id"]]).fetchone()
    if old == new:
        return
    table.execute("REPLACE INTO people VALUES (?, ?, ?, ?, ?)", [user["id"], *new])
    if old and old[3] != active:
        print("reactivated" if active else "deactivated", name)
    else:
        print("changed" if old else "added" if active else "added, inactive:", name)


def follow(table):
    """One round."""
    (mark,) = table.execute("SELECT max(value) FROM mark").fetchone()
    marks = [mark] if mark else []

    def take(found):
        for user in found:
            save(table, user)
            marks.append(user["meta"]["lastModified"])
            yield user["id"]

    if mark:
        since = datetime.fromisoformat(mark.replace("Z", "+00:00")) - OVERLAP
        list(take(users(filter=f'meta.lastModified gt "{since.isoformat()}"')))
    # What was deleted is in no answer, but missing in the count: then everybody is read again.
    (known,) = table.execute("SELECT count(*) FROM people").fetchone()
    if not mark or get("/Users", {"count": 0})["totalResults"] != known:
        before = {id for (id,) in table.execute("SELECT id FROM people")}
        for gone in before - set(take(users())):
            (name,) = table.execute("SELECT user_name FROM people WHERE id = ?", [gone]).fetchone()
            table.execute("DELETE FROM people WHERE id = ?", [gone])
            print("deleted", name)
    if marks:
        table.execute("DELETE FROM mark")
        table.execute("INSERT INTO mark VALUES (?)", [max(marks)])


def main():
    table = sqlite3.connect(sys.argv[1])
    table.execute("CREATE TABLE IF NOT EXISTS mark (value TEXT)")
    table.execute("CREATE TABLE IF NOT EXISTS people (id TEXT PRIMARY KEY, user_name TEXT, display_name TEXT, email TEXT, active INTEGER)")
    # The rows and the mark together: a round that fails is done again.
    with table:
        follow(table)
    table.close()


if __name__ == "__main__":
    main()
