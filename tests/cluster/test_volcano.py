"""The AscendJob that people can take starts what it says: two nodes of eight cards."""

from pathlib import Path
from typing import Any

import yaml

from fcn4_dist.cluster.secret import SECRET_VARIABLE
from fcn4_dist.cluster.sites import at_site
from fcn4_dist.cluster.topology import LaunchRequest
from fcn4_dist.config import load_settings

REPOSITORY = Path(__file__).parents[2]
JOB = yaml.safe_load((REPOSITORY / "docs/volcano.yaml").read_text())["spec"]


def container(replica: str) -> Any:
    (only,) = JOB["replicaSpecs"][replica]["template"]["spec"]["containers"]
    return only


def test_its_pods_run_a_script_and_settings_that_are_there() -> None:
    assert container("Scheduler") == container("Worker")
    shell, script, config = container("Worker")["command"]
    assert shell == "bash"
    assert (REPOSITORY / script).is_file()
    flags = container("Worker")["args"]
    settings = load_settings(
        REPOSITORY / config,
        dict(zip([flag.removeprefix("--") for flag in flags[::2]], flags[1::2], strict=True)),
    ).settings
    template = JOB["replicaSpecs"]["Worker"]["template"]["spec"]
    assert template["terminationGracePeriodSeconds"] > settings.grace_period


def test_its_service_forwards_the_ports_of_mindspore_and_of_the_launchers() -> None:
    ports = {port["name"]: port["containerPort"] for port in container("Scheduler")["ports"]}
    # What the operator looks for, by this name, and gives to the pods.
    scheduler = ports["ascendjob-port"]
    assert scheduler + 1 in ports.values()
    # Kubernetes refuses longer names of ports.
    assert all(len(name) <= 15 for name in ports)


def test_what_the_operator_makes_of_it_are_the_nodes_it_asks_for() -> None:
    replicas = {name: spec["replicas"] for name, spec in JOB["replicaSpecs"].items()}
    assert replicas["Scheduler"] == 1
    nodes = sum(replicas.values())
    assert JOB["runPolicy"]["schedulingPolicy"]["minAvailable"] == nodes
    # pkg/controllers/v1/env.go of the operator: cards of a pod, cards of all pods that have some.
    (cards,) = container("Worker")["resources"]["requests"].values()
    variables = {
        "MS_SCHED_HOST": "192.0.2.1",
        "MS_SCHED_PORT": str(container("Scheduler")["ports"][0]["containerPort"]),
        "MS_LOCAL_WORKER": str(cards),
        "MS_WORKER_NUM": str(cards * nodes),
        "MS_NODE_RANK": "1",
        "MS_ROLE": "MS_WORKER",
    }
    request, _ = at_site(LaunchRequest(), variables, ("192.0.2.2",))
    assert (request.nnodes, request.device_num, request.master_port) == (nodes, cards, 2222)


def test_its_pods_have_a_secret_that_kubernetes_keeps() -> None:
    variables = {each["name"]: each for each in container("Worker")["env"]}
    assert set(variables[SECRET_VARIABLE]["valueFrom"]) == {"secretKeyRef"}
    name = variables[SECRET_VARIABLE]["valueFrom"]["secretKeyRef"]["name"]
    head = (REPOSITORY / "docs/volcano.yaml").read_text().partition("apiVersion")[0]
    assert f"kubectl create secret generic {name} --from-literal=secret=" in head
