"""Real etcds find each other through the running service: three come, a fourth is one too many, the service dies while
they wait."""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from .etcd import Etcd
from .service import Service, ask

BEGUN = time.monotonic()


def tell(text):
    print(f"[{time.monotonic() - BEGUN:5.1f} s] {text}", flush=True)


def until(what, holds, seconds=60):
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.3)
    tell(what)
    return found


class Story:
    def __init__(self, folder):
        self.folder, self.etcds = folder, []
        self.service = Service(folder)
        self.service.call("POST", "/clustertemplates", {
            "name": "k8s", "coe": "kubernetes", "image_id": "fedora-atomic-27", "external_network_id": "public",
            "keypair_id": "testkey", "flavor_id": "m1.small", "master_flavor_id": "m1.small", "master_lb_enabled": True,
            "docker_storage_driver": "overlay2"})

    def start(self, name, url, *options):
        self.etcds.append(Etcd(self.folder, name, url, *options))
        return self.etcds[-1]

    def three_come(self):
        """The first waits for the others, and all agree on who they are."""
        url = self.service.create("blue", 3)
        token = url.rpartition("/")[2]
        assert url == f"http://127.0.0.1:{self.service.port}/v1/discovery/{token}" and len(token) == 32, url
        first = self.start("one", url)
        time.sleep(2)
        assert first.process.poll() is None and not first.is_healthy(), "one member alone is no cluster of three"
        members = [first, self.start("two", url), self.start("three", url)]
        until("three etcds have found each other", lambda: all(member.is_healthy() for member in members))
        for member in members:
            assert member.members() == ["one", "three", "two"], member.members()
        assert members[0].ctl("put", "colour", "blue") is not None
        assert members[2].ctl("get", "colour", "--print-value-only") == "blue\n"
        listed = json.loads(ask("GET", url)[2])["node"]["nodes"]
        assert sorted(node["value"] for node in listed) == sorted(f"{one.name}={one.peer}" for one in members), listed
        assert token not in self.service.log(), "the log of the service names the place"
        return url, members

    def a_fourth_is_too_many(self, url, members):
        proxy = self.start("four", url)
        until("a fourth became a proxy of the three", lambda: "v2 proxy started listening" in proxy.log())
        assert all(f'"{member.client}"' in proxy.log() for member in members), proxy.log()[-2000:]
        refused = self.start("five", url, "--discovery-fallback", "exit")
        until("a fifth that must not be a proxy ended", lambda: refused.process.poll() is not None)
        assert "cluster is full" in refused.log(), refused.log()[-2000:]
        assert len(json.loads(ask("GET", url)[2])["node"]["nodes"]) == 3, "neither is in the list"

    def nobody_comes_in_without_the_name(self, url):
        stranger = self.start("stranger", f"{url[:-32]}{'0' * 32}")
        until("an etcd with a wrong name ended", lambda: stranger.process.poll() is not None)
        assert "100: Key not found (" in stranger.log(), stranger.log()[-2000:]

    def the_service_dies_meanwhile(self):
        """Who waits, waits on; who comes while nobody answers, is let in later."""
        url = self.service.create("green", 3)
        waiting = self.start("left", url)
        until("one member waits", lambda: len(json.loads(ask("GET", url)[2])["node"]["nodes"]) == 1)
        self.service.kill()
        late = self.start("middle", url)
        time.sleep(3)
        assert waiting.process.poll() is None and late.process.poll() is None, "an etcd gave up"
        self.service.start()
        members = [waiting, late, self.start("right", url)]
        until("three etcds found each other across a death of the service",
              lambda: all(member.is_healthy() for member in members), 120)
        assert waiting.members() == ["left", "middle", "right"], waiting.members()

    def the_place_goes_with_the_cluster(self, url, members):
        self.service.delete("blue")
        status, headers, text = ask("GET", url)
        assert (status, json.loads(text)["errorCode"], headers["X-Etcd-Index"]) == (404, 100, "0"), text
        assert all(member.is_healthy() for member in members), "etcd needs the place only once"
        tell("the place went with its cluster; its etcd goes on")

    def tell_all(self):
        url, members = self.three_come()
        self.a_fourth_is_too_many(url, members)
        self.nobody_comes_in_without_the_name(url)
        self.the_place_goes_with_the_cluster(url, members)
        self.the_service_dies_meanwhile()

    def end(self):
        for etcd in self.etcds:
            etcd.stop()
        self.service.stop()


def main():
    folder = Path(tempfile.mkdtemp(prefix="magnum-discovery-"))
    story = None
    try:
        story = Story(folder)
        story.tell_all()
    except BaseException:
        print(f"what was logged is in {folder}", file=sys.stderr)
        raise
    else:
        shutil.rmtree(folder)
    finally:
        if story:
            story.end()


main()
