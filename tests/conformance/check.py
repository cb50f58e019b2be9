"""Runs scim2-tester against the server at SCIM_URL with the token SCIM_TOKEN. Fails when a check finds the server at fault."""

import os
import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

FAULTS = {Status.ERROR, Status.CRITICAL, Status.DEVIATION}


def main() -> int:
    headers = {"Authorization": f"Bearer {os.environ['SCIM_TOKEN']}"}
    with Client(base_url=os.environ["SCIM_URL"], headers=headers) as http:
        results = check_server(SyncSCIMClient(http))
    for result in results:
        if result.status != Status.SUCCESS:
            print(f"{result.status.name} {result.title}: {result.reason}")
    faults = sum(result.status in FAULTS for result in results)
    passed = sum(result.status not in FAULTS | {Status.SKIPPED} for result in results)
    skipped = sum(result.status == Status.SKIPPED for result in results)
    print(f"scim2-tester: {passed} passed, {faults} failed, {skipped} skipped")
    return 0 if passed and not faults else 1


if __name__ == "__main__":
    sys.exit(main())
