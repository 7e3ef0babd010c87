"""The board's side of the USB cable, on folders like the kernel's. What a laptop then sees, only hardware can show."""

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "config/usr/libexec/safecount/gadget"


def run(root: Path) -> None:
    subprocess.run(["sh", SCRIPT, root], check=True)


def test_a_cable_is_a_serial_port_and_a_network(tmp_path: Path) -> None:
    (tmp_path / "sys/class/udc/3f980000.usb").mkdir(parents=True)
    (tmp_path / "sys/kernel/config/usb_gadget").mkdir(parents=True)
    run(tmp_path)
    gadget = tmp_path / "sys/kernel/config/usb_gadget/safecount"
    assert {link.name for link in (gadget / "configs/c.1").iterdir()} == {"acm.usb0", "ncm.usb0"}
    assert (gadget / "UDC").read_text() == "3f980000.usb\n"
    run(tmp_path)


def test_a_board_without_such_a_port_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "sys/class/udc").mkdir(parents=True)
    run(tmp_path)
    assert not (tmp_path / "sys/kernel").exists()
