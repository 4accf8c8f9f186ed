"""Runs on a cluster that a real Dask gateway knows by a name, or Dask's configuration."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys

import own_loop
import pytest
import requests
from local_server_process import plain, wait_for

from kbench_jupyter.errors import LocalServerError
from kbench_jupyter.local.executors.address import check

pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
from dask_cluster import DaskCluster, has_slots, status

pytestmark = pytest.mark.slow

_CONFIG = """
c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.DaskGateway.address = "127.0.0.1:{own}"
c.Proxy.address = "127.0.0.1:{port}"
c.UnsafeLocalBackend.clusters_directory = "{folder}/clusters"
c.UnsafeLocalBackend.sigterm_timeout = 2
c.ClusterConfig.scheduler_cmd = ["{python}", "-m", "dask", "scheduler"]
c.ClusterConfig.worker_cmd = ["{python}", "-m", "dask", "worker"]
"""


@pytest.fixture
def gateway(tmp_path):
    """A gateway's address; what it starts are processes of this machine."""
    pytest.importorskip("dask_gateway_server", reason="dask-gateway-server is not installed")
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        own, port = (held.getsockname()[1] for held in (one, other))
    config = tmp_path / "gateway.py"
    config.write_text(_CONFIG.format(own=own, port=port, folder=tmp_path, python=sys.executable))
    command = [sys.executable, "-m", "dask_gateway_server", "--config", str(config)]
    with (tmp_path / "gateway.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    try:
        # Its proxy may ask it for the routes a moment after it says that it has started.
        address = f"http://127.0.0.1:{port}"
        wait_for(lambda: process.poll() is not None or answers(f"{address}/api/health"), 60, "the gateway")
        assert process.poll() is None, (tmp_path / "gateway.log").read_text()
        yield address
    finally:
        process.terminate()
        process.wait(30)


def answers(url):
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


async def cluster_of(address):
    """Return the name of a new cluster with one worker."""
    from dask_gateway import Gateway

    async with Gateway(address, auth="basic", asynchronous=True) as gateway:
        name = await gateway.submit()
        while (await gateway.get_cluster(name)).status.name != "RUNNING":
            await asyncio.sleep(0.1)
        await gateway.scale_cluster(name, 1)
    return name


async def end_all(address):
    from dask_gateway import Gateway

    async with Gateway(address, auth="basic", asynchronous=True) as gateway:
        for cluster in await gateway.list_clusters():
            await gateway.stop_cluster(cluster.name)


def test_a_cluster_of_a_gateway_is_used_by_its_name(gateway, make_server, tmp_path):
    name = own_loop.run(cluster_of(gateway))
    try:
        server = make_server("--cluster", name, env={"DASK_GATEWAY__ADDRESS": gateway})
        has_slots(server, 1)
        server.push("far", plain("far", "print('there', flush=True)"))
        assert server.creation("far") == ("COMPLETED", "")
        assert server.run_now("far")["state"] == "COMPLETED"
        other = make_server(
            "--cluster", "nobody", env={"DASK_GATEWAY__ADDRESS": gateway}, home=tmp_path / "other"
        )
        problem = f"has no cluster nobody: it has {name}"
        wait_for(lambda: problem in status(other)["cluster"]["problem"], 60, "the gateway's answer")
    finally:
        own_loop.run(end_all(gateway))


def test_a_cluster_that_dasks_configuration_names_is_used_by_its_name(make_server, tmp_path):
    (tmp_path / "cluster").mkdir()
    cluster = DaskCluster(tmp_path / "cluster")
    cluster.add()
    try:
        server = make_server("--cluster", "lab", env={"DASK_KBENCH__CLUSTERS__LAB": cluster.address})
        has_slots(server, 1)
        assert status(server)["cluster"]["address"] == "lab"
    finally:
        cluster.stop()


def test_a_name_that_nothing_knows_says_what_is_missing(monkeypatch):
    found = {"distributed": object()}
    monkeypatch.setattr("importlib.util.find_spec", found.get)
    with pytest.raises(LocalServerError, match=r"names no such cluster under kbench\.clusters") as raised:
        check("lab-2")
    assert "pip install dask-gateway" in "\n".join(raised.value.lines())


def test_a_name_is_refused_where_no_gateway_is_configured_that_could_know_it():
    pytest.importorskip("dask_gateway", reason="dask-gateway is not installed")
    with pytest.raises(LocalServerError, match=r"names no gateway \(gateway\.address\)") as raised:
        check("lab-2")
    assert "--cluster tcp://" in "\n".join(raised.value.lines())
