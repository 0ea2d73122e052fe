"""S3: OpenStack Swift from Debian where it is installed, and moto's server where it is not."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from botocore.session import Session

from sharing.server import HOST, Server, free_port

BUCKET = "study"
KINDS = ("account", "container", "object")
PROGRAMS = ["swift-ring-builder", "swift-proxy-server", *[f"swift-{kind}-server" for kind in KINDS]]

COMMON = """
[DEFAULT]
bind_ip = {host}
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
"""
STORAGE = """
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
PROXY = """
[pipeline:main]
pipeline = empty_heads catch_errors cache s3api tempauth copy slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:empty_heads]
paste.filter_factory = empty_heads:factory
[filter:catch_errors]
use = egg:swift#catch_errors
# No memcached runs: Swift asks for one, and does without when it does not answer.
[filter:cache]
use = egg:swift#memcache
memcache_servers = {host}:1
[filter:s3api]
use = egg:swift#s3api
[filter:tempauth]
use = egg:swift#tempauth
user_study_ada = {secret} .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
"""
# Debian 12's eventlet ends an answer to HEAD that has no length with the mark of an empty chunk; clients take
# it for the next answer. In front of a large Swift a load balancer removes it.
EMPTY_HEADS = """
def factory(settings, **own):
    def without_body(app):
        def answer(environ, start_response):
            def start(status, headers, error=None):
                if "content-length" not in {name.lower() for name, _ in headers}:
                    headers = [*headers, ("Content-Length", "0")]
                return start_response(status, headers, error)
            return app(environ, start if environ["REQUEST_METHOD"] == "HEAD" else start_response)
        return answer
    return without_body
"""
EVERYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
)


class S3(Server):
    """A bucket `study` and a user ada with an access key."""

    heading = "S3 (Amazon and compatible servers)"
    refusal = "(403) when calling"
    access_key: str
    secret = "planted-s3-secret-key"

    @property
    def storage(self) -> Path:
        """All of the server's disk: it keeps every object under a name of its own."""
        return self.folder

    @property
    def words(self) -> dict[str, str]:
        return {
            "BUCKET": BUCKET,
            "FOLDER": self.place,
            "ACCESS_KEY": self.access_key,
            "SECRET_KEY": self.secret,
        }

    def client(self) -> Any:
        """Return a client of the bucket's owner, who is not DVC."""
        return Session().create_client(
            "s3",
            endpoint_url=f"http://{HOST}:{self.port}",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
        )

    def make_bucket(self) -> None:
        """Make the bucket, unless it is there from an earlier start."""
        client = self.client()
        if BUCKET not in [found["Name"] for found in client.list_buckets()["Buckets"]]:
            client.create_bucket(Bucket=BUCKET)

    def stored(self) -> dict[str, bytes]:
        client = self.client()
        keys = [
            entry["Key"]
            for entry in client.list_objects_v2(Bucket=BUCKET, Prefix=f"{self.place}/").get("Contents", [])
        ]
        return {
            "".join(key.split("/")[-2:]): client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            for key in keys
        }

    def lose(self, name: str) -> None:
        self.client().delete_object(Bucket=BUCKET, Key=f"{self.place}/files/md5/{name[:2]}/{name[2:]}")

    def spoil(self, name: str, content: bytes) -> None:
        self.client().put_object(
            Bucket=BUCKET, Key=f"{self.place}/files/md5/{name[:2]}/{name[2:]}", Body=content
        )


class Swift(S3):
    """Debian's swift-proxy, -account, -container and -object: one of each, with its S3 interface."""

    name = "s3-swift"
    access_key = "study:ada"

    def __init__(self, folder: Path, home: Path) -> None:
        super().__init__(folder, home)
        (folder / "devices" / "disk").mkdir(parents=True)
        self.ports = {kind: free_port() for kind in KINDS} | {"proxy": self.port}
        user = pwd.getpwuid(os.geteuid()).pw_name
        (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = study\n")
        (folder / "empty_heads.py").write_text(EMPTY_HEADS)
        for kind, port in self.ports.items():
            settings = {"host": HOST, "port": port, "user": user, "folder": folder, "kind": kind}
            text = COMMON + (PROXY if kind == "proxy" else STORAGE)
            (folder / f"{kind}.conf").write_text(text.format(**settings, secret=self.secret))
        for kind in KINDS:
            where = ["--region=1", "--zone=1", f"--ip={HOST}", f"--port={self.ports[kind]}"]
            for step in (
                ["create", "4", "1", "1"],
                ["add", *where, "--device=disk", "--weight=1"],
                ["rebalance"],
            ):
                ring = ["swift-ring-builder", f"{kind}.builder", *step]
                subprocess.run(ring, cwd=folder, check=True, capture_output=True)

    def launch(self) -> None:
        for kind, port in self.ports.items():
            command = [f"swift-{kind}-server", f"{kind}.conf", "--verbose"]
            self.spawn(command, port, PYTHONPATH=str(self.folder))
        self.make_bucket()


class Moto(S3):
    """moto's server, which speaks S3 and keeps everything in memory: what it holds ends with it."""

    name = "s3-moto"

    def launch(self) -> None:
        # So many requests pass without a check: those that make ada's account. Then signatures count.
        command = [sys.executable, "-m", "moto.server", "--host", HOST, "--port", str(self.port)]
        self.spawn(command, self.port, INITIAL_NO_AUTH_ACTION_COUNT="3")
        user = {"UserName": "ada"}
        settings = {
            "endpoint_url": f"http://{HOST}:{self.port}",
            "aws_access_key_id": "nobody",
            "aws_secret_access_key": "nothing",
            "region_name": "us-east-1",
        }
        accounts = Session().create_client("iam", **settings)
        accounts.create_user(**user)
        accounts.put_user_policy(**user, PolicyName="all", PolicyDocument=EVERYTHING)
        key = accounts.create_access_key(**user)["AccessKey"]
        self.access_key, self.secret = key["AccessKeyId"], key["SecretAccessKey"]
        self.make_bucket()


def keeps_attributes(folder: str) -> bool:
    """Return whether that folder's disk keeps extended attributes, in which Swift notes what it stores."""
    with tempfile.NamedTemporaryFile(dir=folder) as probe:
        try:
            os.setxattr(probe.name, "user.probe", b"kept")
        except OSError:
            return False
        return True


def s3_kind() -> type[S3]:
    """Return the server that this machine has."""
    installed = all(shutil.which(program) for program in PROGRAMS)
    return Swift if installed and keeps_attributes(tempfile.gettempdir()) else Moto
