"""Holds docker-compose.yml to what docs/deploy.md promises. The schema of the Compose Specification is checked beside it."""

import pathlib
import re
import subprocess
import sys

from ruamel.yaml import YAML

ROOT = pathlib.Path(__file__).resolve().parents[2]
text = (ROOT / "docker-compose.yml").read_text()
services = YAML(typ="safe").load(text)["services"]
faults = []

for name, service in services.items():
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add", []) not in ([], ["NET_BIND_SERVICE"]):
        faults.append(f"{name} keeps capabilities")
    if not service.get("read_only") or "no-new-privileges:true" not in service.get("security_opt", []):
        faults.append(f"{name} can change itself")
    if service.get("privileged") or "host" in (service.get("network_mode"), service.get("pid"), service.get("ipc")):
        faults.append(f"{name} is not contained")
    for port in service.get("ports", []):
        if not re.match(r"\$\{\w+:-127\.0\.0\.1", port):
            faults.append(f"{name} is published to everybody: {port}")
    for variable, value in (service.get("environment") or {}).items():
        if "PASSWORD" in variable and not (variable.endswith("_FILE") and value.startswith("/secrets/")):
            faults.append(f"{name} has a password in {variable}")
        if re.search(r"://[^/@]*:[^/@]+@", value):
            faults.append(f"{name} has a password in {variable}")

# After the time to drain, requests under way are given 25 seconds.
for name, service in services.items():
    drain = int((service.get("environment") or {}).get("PROVISOR_DRAIN_SECONDS", 0))
    if "provisor" in service["image"] and int(service["stop_grace_period"].removesuffix("s")) < drain + 30:
        faults.append(f"{name} may be killed while it stops")

for name in ("secrets", "master-key", "postgres", "tools"):
    if services[name].get("network_mode") != "none":
        faults.append(f"{name} has a network")

# Copies are made by the same version of Postgres as the server's, and nobody else sees where they are kept.
if services["tools"]["build"]["args"]["POSTGRES_IMAGE"] != services["postgres"]["image"]:
    faults.append("the tools are of another Postgres")
if f"AS {services['tools']['build']['target']}\n" not in (ROOT / "Dockerfile").read_text():
    faults.append("the Dockerfile has no such target as the tools'")
faults += [f"{name} sees the backups" for name, service in services.items()
           if name != "tools" and any(volume.endswith(":/backups") for volume in service.get("volumes", []))]

# The role of the server is not the superuser of the image, and what makes it is there.
if {"POSTGRES_USER", "POSTGRES_DB"} & set(services["postgres"]["environment"]):
    faults.append("the image makes the role of the server, as a superuser")
for name, service in services.items():
    mounted = [volume.split(":")[0] for volume in service.get("volumes", []) if volume.startswith("./")]
    faults += [f"{name} mounts {file}, which is not there" for file in mounted if not (ROOT / file).is_file()]

# Each setting is one that the program knows.
settings = subprocess.run([sys.argv[1], "--help"], check=True, text=True, capture_output=True).stdout
used = {name for service in services.values() if "provisor" in service["image"] for name in service.get("environment") or {}}
used |= set(re.findall(r"\bPROVISOR_\w+(?==)", (ROOT / "Dockerfile").read_text()))
faults += [f"the program knows no {name}" for name in sorted(used) if f"[env: {name}" not in settings]

print("\n".join(faults) or f"compose: {len(services)} services kept small, {len(used)} settings known")
sys.exit(bool(faults))
