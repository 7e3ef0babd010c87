"""PAM with passwords of a file, by Debian's libpam-wrapper: the real libpam, for one process and its children."""

from pathlib import Path

from debian import need_file

_WRAPPER = "libpam_wrapper.so"
_MATRIX = "pam_wrapper/pam_matrix.so"


def pam_environment(folder: Path, passwords: dict[str, str], service: str = "safecount-collector") -> dict[str, str]:
    """The environment in which PAM's `service` takes these passwords, and no other."""
    services = folder / "pam.d"
    services.mkdir()
    matrix = need_file(_MATRIX, "libpam-wrapper")
    known = folder / "passwords"
    known.write_text("".join(f"{name}:{password}:{service}\n" for name, password in passwords.items()))
    lines = (f"{kind} required {matrix} passdb={known}\n" for kind in ("auth", "account", "password", "session"))
    (services / service).write_text("".join(lines))
    wrapper = need_file(_WRAPPER, "libpam-wrapper")
    libraries = (
        folder / "lib"
    )  # Python's ctypes looks a library's functions up in that library, so it must be found as libpam
    libraries.mkdir()
    (libraries / "libpam.so.0").symlink_to(wrapper)
    found = {"LD_PRELOAD": str(wrapper), "LD_LIBRARY_PATH": str(libraries)}
    return {**found, "PAM_WRAPPER": "1", "PAM_WRAPPER_SERVICE_DIR": str(services)}
