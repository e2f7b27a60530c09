"""The embedded PostgreSQL, Valkey and mail sink: started, watched and ended by one supervisor process.

Imported by `scripts` and `tests` only; everything else finds servers by URL or through `models.servers_file`.
"""
