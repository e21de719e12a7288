"""Checks deploy/ without a container runtime: schemas of others (compose-spec, Kubernetes), and what must agree.

    deploy.py ROOT                  complaints, one a line; exit code 1 where there are any
    deploy.py ROOT --environment    what each process of ours is given, one line of JSON each

ROOT is the tree that holds deploy/, server/ and Cargo.toml.
"""

import importlib.resources
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import kubernetes_validate
import yaml

KUBERNETES = "1.37"
PREFIX = "TRIALBRIEF__"
OURS = "trialbrief"
STORES = {"events", "documents", "views", "directory", "keys", "files", "queue"}
PORTS = {"kurrentdb": 2113, "mongodb": 27017, "nats": 4222, "tls": 4222, "s3": 443, "smtps": 465, "smtp": 587}


class Tree:
    """What was read."""

    def __init__(self, root):
        self.root = root
        self.compose = one(root / "deploy/compose.yaml")
        self.base = root / "deploy/kubernetes/base"
        self.overlay = root / "deploy/kubernetes/keda"
        self.kustomization = one(self.base / "kustomization.yaml")
        self.shared = one(self.base / "process.yaml")
        self.objects = [o for name in self.kustomization["resources"] for o in many(self.base / name)]
        self.scaled = many(self.overlay / "scaled-objects.yaml")
        self.secret = one(self.base / "secret.example.yaml")
        self.settings = dict(line.split("=", 1) for line in lines(self.base / "settings.env"))
        self.dockerfile = (root / "deploy/Dockerfile").read_text()
        self.defaults = tomllib.loads((root / "server/config/default.toml").read_text())
        self.distributed = tomllib.loads((root / "server/config/distributed.toml").read_text())

    def services(self, ours):
        return {n: s for n, s in self.compose["services"].items() if s.get("image", "").startswith(OURS + ":") == ours}

    def of_kind(self, kind):
        return [o for o in self.objects if o["kind"] == kind]

    def deployments(self):
        """As kustomize would make them: each with what all have in common."""
        return [merged(self.shared, d) for d in self.of_kind("Deployment")]


def one(path):
    return yaml.safe_load(path.read_text())


def many(path):
    return [o for o in yaml.safe_load_all(path.read_text()) if o]


def lines(path):
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


def merged(below, above):
    """A strategic merge as far as it is used here: containers by name, other lists replaced."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {k: merged(below[k], above[k]) if k in below and k in above else above.get(k, below.get(k)) for k in below | above}
    if isinstance(below, list) and isinstance(above, list) and all("name" in e for e in below + above):
        by_name = {e["name"]: e for e in below}
        return [merged(by_name.get(e["name"], {}), e) for e in above]
    return above


def container(deployment):
    return deployment["spec"]["template"]["spec"]["containers"][0]


def filled(environment):
    """With what somebody would have written into .env."""
    written = {"TRIALBRIEF_BASE_URL": "http://127.0.0.1:8080"}
    fill = lambda text: re.sub(r"\$\{(\w+)[^}]*\}", lambda m: written.get(m[1], "0123abcd"), str(text))
    return {name: fill(value) for name, value in environment.items()}


def roles(arguments):
    found = arguments[arguments.index("--roles") + 1] if "--roles" in arguments else ""
    return [role for role in found.split(",") if role]


def schemas(tree):
    schema = json.loads((importlib.resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    for error in jsonschema.validators.validator_for(schema)(schema).iter_errors(tree.compose):
        yield f"compose.yaml: {error.json_path}: {error.message}"
    plain = [o for o in tree.objects if o["kind"] != "Deployment"]
    for described in [*plain, *tree.deployments(), tree.secret]:
        try:
            kubernetes_validate.validate(described, KUBERNETES, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            yield f"kubernetes: {described['kind']} {described['metadata']['name']}: {getattr(error, 'message', error)}"


def images(tree):
    named = [s["image"] for s in tree.services(ours=False).values()]
    named += re.findall(r"^FROM (\S+)", tree.dockerfile, re.M)
    for image in named:
        if not re.search(r"(:|@sha256:)[^/]*\d+\.\d+", image):
            yield f"image {image} is not pinned to a version"
    if not tree.kustomization["images"][0].get("newTag"):
        yield "kustomization.yaml: our image is not pinned to a version"


def settings(tree):
    def known(path):
        table = tree.defaults
        for part in path:
            table = table.get(part) if isinstance(table, dict) else None
        return table is not None and not isinstance(table, dict)

    given = {f"compose.yaml: {n}": s["environment"] for n, s in tree.services(ours=True).items()}
    given |= {"settings.env": tree.settings, "secret.example.yaml": tree.secret["stringData"]}
    for where, environment in given.items():
        for name in environment:
            if not name.startswith(PREFIX) or not known(name.removeprefix(PREFIX).lower().split("__")):
                yield f"{where}: {name} is no setting of the program"
    for where, environment in given.items():
        missing = STORES - {n.rsplit("__", 1)[1].lower() for n in environment if "__STORES__" in n}
        if missing and where != "settings.env":
            yield f"{where}: nothing says where {', '.join(sorted(missing))} are"
    if STORES - tree.distributed["stores"].keys():
        yield "distributed.toml: not every store is there"
    for name in tree.settings.keys() & tree.secret["stringData"].keys():
        yield f"{name} stands in settings.env and in the secret"


def every_role(tree):
    known = tree.defaults.get("roles", [])
    known = known.split(",") if isinstance(known, str) else known
    compose = [r for s in tree.services(ours=True).values() for r in roles(s["command"])]
    kubernetes = [r for d in tree.deployments() for r in roles(container(d).get("args", []))]
    if sorted(compose) != sorted(kubernetes):
        yield f"compose.yaml has the roles {sorted(compose)}, Kubernetes {sorted(kubernetes)}"
    if known and sorted(r.strip() for r in known) != sorted(compose):
        yield f"the program has the roles {sorted(known)}, the manifests {sorted(compose)}"
    if len(compose) != len(set(compose)):
        yield "a role is given twice"


def address(value):
    """Scheme, host and port of a URL."""
    url = urlsplit(value)
    scheme = url.scheme.split("+")[0]
    if scheme == "s3":
        endpoint = re.search(r"[?&]endpoint=([^&]+)", value)
        return ("s3", *address(endpoint[1])[1:]) if endpoint else ("s3", None, PORTS["s3"])
    last = url.netloc.rsplit("@", 1)[-1].split(",")[-1]
    host, _, port = last.partition(":")
    return scheme, host, int(port) if port else PORTS.get(scheme)


def ports(tree):
    listen = int(tree.distributed.get("listen", tree.defaults["listen"]).rsplit(":", 1)[1])
    probed = {f"compose.yaml: {n}": s["healthcheck"]["test"] for n, s in tree.services(ours=True).items()}
    for d in tree.deployments():
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            probed[f"{d['metadata']['name']}: {kind}"] = container(d)[kind]["exec"]["command"]
    probed["Dockerfile"] = re.findall(r'CMD (\["trialbrief", "health".*)', tree.dockerfile)
    for where, command in probed.items():
        if f"127.0.0.1:{listen}/" not in " ".join(command):
            yield f"{where}: the health check does not ask 127.0.0.1:{listen}, where the program listens"
    exposed = [int(p) for p in re.findall(r"^EXPOSE (\d+)", tree.dockerfile, re.M)]
    named = [p["containerPort"] for d in tree.deployments() for p in container(d).get("ports", [])]
    served = [p["port"] for s in tree.of_kind("Service") for p in s["spec"]["ports"]]
    for where, found in {"Dockerfile": exposed, "Deployments": named, "Services": served}.items():
        if found != [listen]:
            yield f"{where}: port {found}, but the program listens on {listen}"

    published = {}
    for name, service in tree.compose["services"].items():
        for port in service.get("ports", []):
            ip, outside, inside = port.split(":")
            published[name] = int(inside)
            if ip != "127.0.0.1" or (outside != inside and name != "mailpit"):
                yield f"compose.yaml: {name} publishes {port}: on 127.0.0.1 only, and under the same port"
    for name, service in tree.services(ours=True).items():
        for setting, value in filled(service["environment"]).items():
            if "__STORES__" not in setting:
                continue
            _, host, port = address(value)
            if published.get(host) != port:
                yield f"compose.yaml: {name}: {setting} asks {host}:{port}, which no service publishes"
            if service.get("network_mode") == "host" and f"{host}:127.0.0.1" not in service.get("extra_hosts", []):
                yield f"compose.yaml: {name}: {host} has no address in the network of the host"
    listens = int(re.search(r"^listen: \S+:(\d+)", (tree.root / "deploy/nats.conf").read_text(), re.M)[1])
    if published.get("nats") != listens:
        yield f"nats.conf: listens on {listens}, compose.yaml publishes {published.get('nats')}"

    policies = {p["metadata"]["name"]: p["spec"]["egress"] for p in tree.of_kind("NetworkPolicy")}
    opened = {p["port"] for rules in policies.values() for rule in rules for p in rule["ports"]}
    for setting, value in tree.secret["stringData"].items():
        if address(value)[2] not in opened:
            yield f"network-policies.yaml: {setting} needs port {address(value)[2]}"


def compose_is_careful(tree):
    services, text = tree.compose["services"], (tree.root / "deploy/compose.yaml").read_text()
    for name, service in services.items():
        lasting = service.get("restart") == "unless-stopped"
        if lasting and "test" not in service.get("healthcheck", {}):
            yield f"compose.yaml: {name} has no health check"
        for key in ("restart", "mem_limit", "logging"):
            if key not in service:
                yield f"compose.yaml: {name} has no {key}"
        for other, dependency in service.get("depends_on", {}).items():
            wanted = "service_healthy" if services[other].get("restart") == "unless-stopped" else "service_completed_successfully"
            if dependency["condition"] != wanted:
                yield f"compose.yaml: {name} should wait until {other} is {wanted}"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                if not (tree.root / "deploy" / source).is_file():
                    yield f"compose.yaml: {name}: {source} does not exist"
            elif source not in tree.compose["volumes"]:
                yield f"compose.yaml: {name}: volume {source} is not declared"
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", text))
    offered = {line.split("=")[0] for line in lines(tree.root / "deploy/.env.example")}
    if used != offered:
        yield f".env.example: differs from what compose.yaml asks for in {sorted(used ^ offered)}"
    for name in used:
        if f"${{{name}:?" not in text:
            yield f"compose.yaml: nothing refuses an empty {name}"


def kubernetes_is_careful(tree):
    budgets = {b["metadata"]["name"] for b in tree.of_kind("PodDisruptionBudget")}
    scaled_by_cpu = {h["spec"]["scaleTargetRef"]["name"] for h in tree.of_kind("HorizontalPodAutoscaler")}
    secret, generated = tree.secret["metadata"]["name"], tree.kustomization["configMapGenerator"][0]["name"]
    user = int(re.search(r"^USER (\d+)", tree.dockerfile, re.M)[1])
    names = {d["metadata"]["name"] for d in tree.deployments()}
    for deployment in tree.deployments():
        name, spec = deployment["metadata"]["name"], deployment["spec"]["template"]["spec"]
        ours = container(deployment)
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        if deployment["spec"]["selector"]["matchLabels"] != labels:
            yield f"{name}: the selector does not choose its own pods"
        if name not in budgets:
            yield f"{name}: no disruption budget"
        if deployment["spec"].get("replicas", 0) < 2 and name not in scaled_by_cpu:
            yield f"{name}: fewer than two processes"
        if {"cpu", "memory"} - ours["resources"]["requests"].keys() or "memory" not in ours["resources"]["limits"]:
            yield f"{name}: resources are missing"
        if spec["securityContext"]["runAsUser"] != user:
            yield f"{name}: runs as {spec['securityContext']['runAsUser']}, the image as {user}"
        sources = {next(iter(s.values()))["name"] for s in ours["envFrom"]}
        if sources != {secret, generated}:
            yield f"{name}: reads {sorted(sources)}, there are {sorted({secret, generated})}"
        if ours["image"] != tree.kustomization["images"][0]["name"]:
            yield f"{name}: another image than kustomization.yaml replaces"
    files = {p.name for p in tree.base.glob("*.yaml")} - {"kustomization.yaml", "process.yaml", "secret.example.yaml"}
    if files != set(tree.kustomization["resources"]):
        yield f"kustomization.yaml: resources differ from the files in {sorted(files ^ set(tree.kustomization['resources']))}"
    replaced = one(tree.overlay / "kustomization.yaml")["patches"][0]["target"]["name"].split("|")
    scaled = [s["spec"]["scaleTargetRef"]["name"] for s in tree.scaled]
    if sorted(replaced) != sorted(scaled) or set(scaled) - names:
        yield f"keda: {scaled} are scaled, {replaced} lose their number of replicas, there are {sorted(names)}"
    dispatcher = (tree.root / "processors/src/dispatcher.rs").read_text()
    offered = int(re.search(r"const OFFERED: usize = (\d+);", dispatcher)[1])
    for found in tree.scaled:
        spec = found["spec"]
        threshold = int(spec["triggers"][0]["metadata"]["lagThreshold"])
        if threshold * spec["maxReplicaCount"] > offered:
            name = spec["scaleTargetRef"]["name"]
            yield f"keda: {name} never comes to {spec['maxReplicaCount']}, for at most {offered} are offered at a time"


def shutdown(tree):
    """Who ends the program gives it the time that it takes for itself."""
    seconds = re.search(r"from_secs\((\d+)\), asked_to_end", (tree.root / "server/src/cli.rs").read_text())
    if not seconds:
        yield "server/src/cli.rs: how long the program takes to end is not found"
        return
    given = {f"compose.yaml: {n}": s["stop_grace_period"] for n, s in tree.services(ours=True).items()}
    for d in tree.deployments():
        given[d["metadata"]["name"]] = d["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    for where, time in given.items():
        if int(str(time).rstrip("s")) <= int(seconds[1]):
            yield f"{where}: is killed after {time}, the program ends within {seconds[1]} s"


def image_build(tree):
    copied = {line.removeprefix("!") for line in lines(tree.root / "deploy/Dockerfile.dockerignore")}
    members = tomllib.loads((tree.root / "Cargo.toml").read_text())["workspace"]["members"]
    needed = {m.split("/")[0] for m in members} | {"Cargo.toml", "Cargo.lock", "web"}
    if needed - copied:
        yield f"Dockerfile.dockerignore: the build needs {sorted(needed - copied)}"
    configuration = re.search(r"TRIALBRIEF_CONFIG=(\S+)", tree.dockerfile)[1]
    if f"COPY server/config/distributed.toml {configuration}" not in tree.dockerfile:
        yield "Dockerfile: TRIALBRIEF_CONFIG names another file than is copied"
    if "--features distributed" not in tree.dockerfile:
        yield "Dockerfile: the program is built without its distributed adapters"


def nats_takes_its_configuration(tree):
    configuration = tree.root / "deploy/nats.conf"
    server = Path(sys.executable).with_name("nats-server")
    environment = os.environ | {"NATS_PASSWORD": '"12e5abcdef"'}
    checked = subprocess.run([server, "-t", "-c", configuration], capture_output=True, text=True, env=environment)
    if checked.returncode != 0:
        yield f"nats.conf: {checked.stderr.strip()}"
    if "sync_interval: always" not in configuration.read_text():
        yield "nats.conf: what was acknowledged may be lost for two minutes: sync_interval is not always"


CHECKS = [schemas, images, settings, every_role, ports, compose_is_careful, kubernetes_is_careful, shutdown, image_build]
CHECKS += [nats_takes_its_configuration]


def environments(tree):
    for name, service in tree.services(ours=True).items():
        yield {"process": f"compose: {name}", "environment": filled(service["environment"])}
    yield {"process": "kubernetes", "environment": tree.settings | tree.secret["stringData"]}


def main():
    tree = Tree(Path(sys.argv[1]))
    if "--environment" in sys.argv:
        for environment in environments(tree):
            print(json.dumps(environment))
        return
    complaints = [complaint for check in CHECKS for complaint in check(tree)]
    sys.exit("\n".join(complaints) or 0)


main()
