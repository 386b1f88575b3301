"""What Linux offers to keep a process in: namespaces, a file system of its own, resource limits.

Only the standard library is used, and nothing of evalkit: the supervisor starts in milliseconds.
Every function raises OSError where the system does not allow what it does.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
from collections.abc import Sequence
from pathlib import Path

# linux/sched.h, linux/mount.h, linux/prctl.h
_NEW_MOUNTS, _NEW_USERS = 0x00020000, 0x10000000
_NEW_NETWORK, _NEW_PIDS, _NEW_IPC, _NEW_NAMES = 0x40000000, 0x20000000, 0x08000000, 0x04000000
_READ_ONLY, _NO_SETUID, _NO_DEVICES, _NO_EXEC = 1, 2, 4, 8
_BIND, _RECURSIVE, _PRIVATE, _DETACH = 4096, 16384, 1 << 18, 2
_MOUNT_SETATTR, _AT_RECURSIVE, _AT_FDCWD = 442, 0x8000, -100
_DEATH_SIGNAL, _NO_NEW_PRIVILEGES, _SUBREAPER = 1, 38, 36
_KILL = 9

SYSTEM = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/nix/store", "/etc/ld.so.cache")
DEVICES = ("null", "zero", "random", "urandom")
_STRANGER = 2_000_000_000  # user ids from here on belong to nobody


def is_linux() -> bool:
    """Whether there is anything here to fence with."""
    return platform.system() == "Linux"


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def die_with_parent() -> None:
    """Have this process killed when its parent ends."""
    _checked(_libc().prctl(_DEATH_SIGNAL, _KILL, 0, 0, 0), "prctl")


def adopt_orphans() -> None:
    """Have processes whose parents end become children of this one."""
    _checked(_libc().prctl(_SUBREAPER, 1, 0, 0, 0), "prctl")


def gain_no_privileges() -> None:
    """No program that this process starts can do more than it itself may."""
    _checked(_libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl")


def leave_network_and_processes() -> None:
    """Own network (with nothing in it) and, for children, own process ids.

    Without root's rights in a user namespace, in which this user keeps its id.
    """
    uid, gid = os.getuid(), os.getgid()
    spaces = _NEW_NETWORK | _NEW_PIDS | _NEW_IPC | _NEW_NAMES
    _checked(_libc().unshare(spaces if uid == 0 else spaces | _NEW_USERS), "unshare")
    if uid != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def enter_own_files(root: str, readable: Sequence[str], size_bytes: int) -> None:
    """See nothing but the system, the ``readable`` folders (none can be written) and a small disk.

    The disk is memory of ``size_bytes`` with the folders /work and /tmp; it is gone with the last
    process that sees it. ``root`` is an empty folder to mount it on.
    """
    libc = _libc()
    _checked(libc.unshare(_NEW_MOUNTS), "unshare")
    _mount("none", "/", None, _PRIVATE | _RECURSIVE)
    options = f"size={size_bytes},nr_inodes=10000,mode=755"
    _mount("tmpfs", root, "tmpfs", _NO_SETUID | _NO_DEVICES, options)
    for path in (*SYSTEM, *readable):
        _show(root, path)
    for folder in ("dev/shm", "proc", "tmp", "work"):
        Path(root, folder).mkdir(parents=True, exist_ok=True)
    for folder in ("dev/shm", "tmp", "work"):
        Path(root, folder).chmod(0o1777)
    for device in DEVICES:
        Path(root, "dev", device).touch()
        _mount(f"/dev/{device}", f"{root}/dev/{device}", None, _BIND)
    _mount("proc", f"{root}/proc", "proc", _NO_SETUID | _NO_DEVICES | _NO_EXEC)
    os.chdir(root)
    _checked(libc.pivot_root(b".", b"."), "pivot_root")
    _checked(libc.umount2(b".", _DETACH), "umount2")
    os.chdir("/work")


def _mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    given = kind.encode() if kind else None
    done = _libc().mount(
        source.encode(), target.encode(), given, ctypes.c_ulong(flags), data.encode()
    )
    _checked(done, f"mount {target}")


def _show(root: str, path: str) -> None:
    """Make a file or folder visible below ``root``, for reading; links stay links."""
    source, target = Path(path), Path(f"{root}{path}")
    if not os.path.lexists(source) or os.path.lexists(target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        target.symlink_to(source.readlink())
        return
    if source.is_dir():
        target.mkdir()
    else:
        target.touch()
    _mount(path, str(target), None, _BIND | _RECURSIVE)
    _make_read_only(str(target))


def _make_read_only(target: str) -> None:
    """Also everything that is mounted below (mount_setattr, Linux 5.12)."""
    attributes = (ctypes.c_uint64 * 4)(_READ_ONLY | _NO_SETUID | _NO_DEVICES, 0, 0, 0)
    syscall = _libc().syscall
    done = syscall(
        ctypes.c_long(_MOUNT_SETATTR),
        ctypes.c_long(_AT_FDCWD),
        ctypes.c_char_p(target.encode()),
        ctypes.c_long(_AT_RECURSIVE),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    _checked(done, f"mount_setattr {target}")


def stranger() -> int:
    """A user id that belongs to nobody, this process's own; 65534 where few ids are mapped."""
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = map(int, line.split())
        if first <= _STRANGER and first + count > _STRANGER + 2**23:
            return _STRANGER + os.getpid()
    return 65534


def become(uid: int) -> None:
    """Give up root's rights for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def limit(what: int, most: int) -> None:
    """Lower a resource limit, soft and hard; never raises one. Not every system has every limit."""
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(what, (most, most))
    except (OSError, ValueError):
        if is_linux():
            raise


def count_tasks(uid: int) -> int:
    """How many processes and threads a user has; 0 where that cannot be seen."""
    count = 0
    for place in Path("/proc").glob("[0-9]*/task"):
        try:
            if place.stat().st_uid == uid:
                count += len(list(place.iterdir()))
        except OSError:
            continue  # it has ended meanwhile
    return count


def family(pid: int) -> list[int]:
    """The process and all that descend from it, as far as they can be seen."""
    found: list[int] = []
    waiting = [pid]
    while waiting and len(found) < 10_000:
        one = waiting.pop()
        found.append(one)
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:
            continue  # it has ended meanwhile
    return found


def resident_bytes(pids: Sequence[int]) -> int:
    """The memory these processes hold; what they share is counted for each."""
    total = 0
    for pid in pids:
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            continue  # it has ended meanwhile
    return total * resource.getpagesize()
