"""Copies blocks of one device to the same places of another: `copy_blocks.py FROM TO BYTES RANGES`, where RANGES is a file with
a first block and a number of blocks in each line. A program for the device's own Python, of the standard library alone.
"""

import os
import sys
from pathlib import Path

source, target, block = os.open(sys.argv[1], os.O_RDONLY), os.open(sys.argv[2], os.O_WRONLY), int(sys.argv[3])
for line in Path(sys.argv[4]).read_text(encoding="ascii").splitlines():
    first, count = map(int, line.split())
    for number in range(first, first + count):
        os.pwrite(target, os.pread(source, block, number * block), number * block)
os.fsync(target)
