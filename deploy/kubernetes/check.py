"""Checks that the manifests agree with each other, with transform.yaml and with the runner's options.

./scripts/deploy-lint runs it."""

import re
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
objects = {}
for file in sorted(HERE.glob("*.yaml")):
    for item in yaml.safe_load_all(file.read_text()):
        objects[item["kind"]] = item
transform = yaml.safe_load((ROOT / "transform.yaml").read_text())
options = set(re.findall(r'"(RUNNER_\w+)"', (ROOT / "crates/transform-runner/src/args.rs").read_text()))

deployment = objects["Deployment"]
pod = deployment["spec"]["template"]
[container] = pod["spec"]["containers"]
labels = pod["metadata"]["labels"]
variables = {each["name"]: each for each in container["env"]}
[trigger] = objects["ScaledObject"]["spec"]["triggers"]
kafka = trigger["metadata"]
egress = objects["NetworkPolicy"]["spec"]["egress"]
ports = {port["port"] for rule in egress for port in rule["ports"]}
secrets = {each["valueFrom"]["secretKeyRef"]["name"] for each in variables.values() if "valueFrom" in each}
secrets |= {each["name"] for each in objects["TriggerAuthentication"]["spec"]["secretTargetRef"]}
[mount] = container["volumeMounts"]
user = re.search(r"^USER (\d+)", (HERE.parent / "Dockerfile").read_text(), re.MULTILINE)
security = container["securityContext"]

expected = {
    "the selectors choose the pods": (
        [labels] * 3,
        [deployment["spec"]["selector"]["matchLabels"],
         objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
         objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]],
    ),
    "KEDA scales the deployment": (
        deployment["metadata"]["name"], objects["ScaledObject"]["spec"]["scaleTargetRef"]["name"]),
    "the deployment leaves the number of pods to KEDA": (False, "replicas" in deployment["spec"]),
    "KEDA looks at the runner's group": ("transform-" + transform["name"], kafka["consumerGroup"]),
    "KEDA looks at the input topic": (transform["input-topic"], kafka["topic"]),
    "KEDA and the runner ask the same brokers": (
        variables["RUNNER_BROKERS"]["value"], kafka["bootstrapServers"]),
    "KEDA has a credential": (
        objects["TriggerAuthentication"]["metadata"]["name"], trigger["authenticationRef"]["name"]),
    "there is one secret": (1, len(secrets)),
    "the brokers' ports are open": (
        set(), {int(broker.rsplit(":")[1]) for broker in kafka["bootstrapServers"].split(",")} - ports),
    "the variables are the runner's": (
        set(), {name for name in variables if name.startswith("RUNNER_")} - options),
    "the module is where it is mounted": (
        mount["mountPath"] + "/" + transform["name"] + ".wasm", variables["RUNNER_FILE"]["value"]),
    "the image's user is the pod's": (
        int(user[1]), pod["spec"]["securityContext"]["runAsUser"]),
    "the metrics' port is the runner's": (
        [int(variables["RUNNER_METRICS"]["value"].rsplit(":")[1])] * 3,
        [container["ports"][0]["containerPort"], int(pod["metadata"]["annotations"]["prometheus.io/port"]),
         objects["NetworkPolicy"]["spec"]["ingress"][0]["ports"][0]["port"]]),
    "the root file system is read-only": (True, security["readOnlyRootFilesystem"]),
    "no privilege is gained": (False, security["allowPrivilegeEscalation"]),
}
wrong = {what: pair for what, pair in expected.items() if pair[0] != pair[1]}
for what, (expect, found) in wrong.items():
    print(f"deploy/kubernetes: not so: {what}: expected {expect!r}, found {found!r}", file=sys.stderr)
sys.exit(bool(wrong))
