"""The image: its file by the rules, and, where there is time, built without a daemon and run as its user on a root that
nothing is written to."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fntx_dagster.settings import executable
from tests.deploy.named import DEPLOY, require_command, strange_variables
from tests.tools import needs_buildah

ROOT = DEPLOY.parent
LARGEST = 300_000_000
"""Bytes, compressed."""
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PACKAGES = "python3,python3-venv,ca-certificates,tini"
IN_IMAGE = """
mount --bind "$1" "$1" && mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev"
mount -t tmpfs -o mode=1777 tmp "$1/tmp" && mount -t tmpfs -o uid=10001,gid=10001,mode=700 home "$1/var/lib/fntx"
mount -o remount,ro,bind "$1"
exec chroot --userspec=10001:10001 "$1" env -i PATH=/opt/fntx/bin:/usr/bin:/bin HOME=/var/lib/fntx \
    FNTX_HOME=/var/lib/fntx PYTHONDONTWRITEBYTECODE=1 COLUMNS=200 \
    sh -c "cd /var/lib/fntx && $2"
"""
"""Runs a command in a folder as a container engine does: the image's user, a read-only root, a home and /tmp."""


def test_the_containerfile_follows_the_rules_of_hadolint() -> None:
    done = subprocess.run([executable("hadolint"), DEPLOY / "Containerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_scripts_are_of_the_shell_that_they_name() -> None:
    for name in ("build", "entry"):
        assert (DEPLOY / name).stat().st_mode & 0o111
        subprocess.run(["sh", "-n", DEPLOY / name], check=True)


def test_the_image_starts_a_role_and_asks_for_its_health() -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    assert strange_variables(re.findall(r"\bFNTX_\w+", text)) == set()
    role, probe = (json.loads(found) for found in re.findall(r"CMD (\[.*\])$", text, re.MULTILINE)[::-1])
    require_command(role)
    assert probe[0] == "fntx"
    require_command(probe[1:])
    assert "USER 10001:10001" in text


def test_everything_that_the_image_is_built_of_is_let_in() -> None:
    """What is not let in by the ignore file is not there when the image is built."""
    let_in = {
        line[1:]
        for line in (DEPLOY / "Containerfile.dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+) \S+$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    assert {name for names in copied for name in names.split()} == let_in
    assert [name for name in let_in if not (ROOT / name).exists()] == []


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The files of the image, built on Debian's smallest base, as a company builds its own."""
    folder = Path("/var/tmp") / f"fntx-image-{os.getpid()}"
    base, storage = folder / "base", folder / "storage"
    base.mkdir(parents=True)
    buildah = ["buildah", "--storage-driver", "vfs", "--root", str(storage), "--runroot", str(folder / "run")]

    def run(*command: str, **variables: str) -> str:
        done = subprocess.run(command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout.strip()

    try:
        run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(base))
        for unread in ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/lib/apt/lists", "var/cache/apt"):
            shutil.rmtree(base / unread, ignore_errors=True)
            (base / unread).mkdir()
        shutil.copy(CERTIFICATES, base / "etc/ssl/certs/ca-certificates.crt")  # those of this machine's network
        (folder / "pip.conf").write_text(f"[global]\ncert = {CERTIFICATES}\ntimeout = 180\n")
        container = run(*buildah, "from", "scratch")
        run(*buildah, "add", "-q", container, str(base), "/")
        run(*buildah, "commit", "-q", "--rm", container, "localhost/base:bookworm")
        run(
            str(DEPLOY / "build"),
            "fntx:tested",
            BASE="localhost/base:bookworm",
            BUILDER="buildah",
            BUILDAH_FLAGS=f"--root {storage} --runroot {folder / 'run'}",
            BUILD_FLAGS=f"--secret id=pip,src={folder / 'pip.conf'}",
            CYCLONEDX=executable("cyclonedx-py"),
        )
        container = run(*buildah, "from", "localhost/fntx:tested")
        yield Path(run(*buildah, "mount", container))
        run(*buildah, "umount", container)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def in_image(image: Path, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["unshare", "--mount", "sh", "-euc", IN_IMAGE, "sh", str(image), command],
        capture_output=True,
        text=True,
        timeout=900,
    )


@needs_buildah
@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("FNTX_TEST_PROFILE") != "search", reason="takes minutes: FNTX_TEST_PROFILE=search")
class TestBuilt:
    """What takes minutes."""

    def test_the_demo_the_doctor_and_a_probe_work_as_its_user_on_a_read_only_root(self, image: Path) -> None:
        done = in_image(image, "id -u; touch /here; fntx demo && fntx doctor && fntx healthy worker; fntx db stop")
        assert done.stdout.startswith("10001\n")
        assert "Read-only file system" in done.stderr
        assert "✓ verified: the contract confirms net_pnl = -523.78 HKD" in done.stdout, done.stdout + done.stderr
        assert "Nothing is to be mended." in done.stdout
        assert "worker: the database and Dagster's storage answer" in done.stdout

    def test_the_dbt_project_is_parsed_and_the_libraries_are_compiled(self, image: Path) -> None:
        [packages] = image.glob("opt/fntx/lib/python3*/site-packages")
        assert [*packages.glob("dagster/__pycache__/*.pyc")]
        assert [*packages.glob("fntx_dagster/project/parsed/manifest.json")]
        gone = ("pip", "hatchling", "pytest", "ruff", "moto")
        assert [name for name in gone if (packages / name).exists()] == []

    def test_the_launchers_start_a_run_through_its_entry_point(self, image: Path) -> None:
        done = in_image(image, "/opt/fntx/bin/entry dagster --version; /opt/fntx/bin/entry --version")
        assert [line.split()[0] for line in done.stdout.splitlines()] == ["dagster,", "fntx"]

    def test_it_is_small(self, image: Path) -> None:
        packed = subprocess.Popen(["tar", "-C", str(image), "-c", "."], stdout=subprocess.PIPE)
        assert packed.stdout is not None
        size = 0

        class Counted:
            def write(self, data: bytes) -> int:
                nonlocal size
                size += len(data)
                return len(data)

        with gzip.GzipFile(fileobj=Counted(), mode="wb", compresslevel=6) as compressed:
            shutil.copyfileobj(packed.stdout, compressed, 1 << 20)
        assert packed.wait() == 0
        assert size <= LARGEST

    def test_what_is_in_it_is_described_with_its_licences(self, image: Path) -> None:
        described = json.loads((ROOT / "fntx.cdx.json").read_text(encoding="utf-8"))
        parts = {part["name"]: part for part in described["components"]}
        assert {"dagster", "psycopg", "fntx-dagster"} <= parts.keys()
        assert not {"pytest", "ruff", "pip"} & parts.keys()
        assert sum("licenses" in part for part in parts.values()) > 0.9 * len(parts)
