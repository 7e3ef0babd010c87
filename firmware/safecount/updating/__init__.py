"""When and what to update: decides only. Nothing here touches a disk, a network or a clock."""
