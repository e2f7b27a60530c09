"""Tests in floors: unit (no I/O), integration (servers), acceptance (processes), chaos (kill, cut, flush)."""
